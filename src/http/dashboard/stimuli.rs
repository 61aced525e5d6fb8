//! What can be done to a journey, as buttons: a form for each stimulus that is legal now, with its fields.

use maud::{Markup, html};

use crate::provider::arguments::{Argument, Choice, Field, arguments};
use crate::provider::{Journey, JourneyView};

/// The forms, in the order of a journey's life.
pub(super) fn forms(journey: &Journey, view: &JourneyView) -> Markup {
    html! {
        @if view.legal.is_empty() {
            p { "Nothing more can be done to it. " a href="/journeys" { "Start another journey" } "." }
        } @else {
            div.stimuli { @for word in &view.legal { (form(journey, word)) } }
        }
    }
}

fn form(journey: &Journey, word: &str) -> Markup {
    let fields = arguments(journey, word);
    html! {
        form.stimulus method="post" action=(format!("/journeys/{}/stimuli", journey.id)) #(format!("do-{word}")) {
            @for argument in &fields { (field(word, argument)) }
            button.danger[word == "delete"] type="submit" name="do" value=(word) { (word.replace('_', " ")) }
        }
    }
}

fn field(word: &str, argument: &Argument) -> Markup {
    let id = format!("{word}-{}", argument.name);
    html! {
        @match &argument.field {
            Field::One(choices) => {
                div.field {
                    label for=(id) { (argument.label) }
                    select id=(id) name=(argument.name) { @for choice in choices { (option(choice)) } }
                }
            }
            Field::Some(choices) => {
                fieldset.field {
                    legend { (argument.label) }
                    @for (n, choice) in choices.iter().enumerate() {
                        label.tick for=(format!("{id}-{n}")) {
                            input type="checkbox" id=(format!("{id}-{n}")) name=(argument.name) value=(choice.value) checked[n == 0];
                            " " (choice.label)
                        }
                    }
                }
            }
            Field::Text { hint, known } => {
                div.field {
                    label for=(id) { (argument.label) }
                    input type="text" id=(id) name=(argument.name) placeholder=(hint) autocomplete="off"
                        list=[(!known.is_empty()).then(|| format!("{id}-known"))];
                    @if !known.is_empty() {
                        datalist id=(format!("{id}-known")) { @for word in *known { option value=(word) {} } }
                    }
                }
            }
        }
    }
}

fn option(choice: &Choice) -> Markup {
    html! { option value=(choice.value) { (choice.label) } }
}
