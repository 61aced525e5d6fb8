//! The drawn machine: a provider's places and moves as a picture, with the journey's place lit and what is legal marked.
//!
//! What is drawn comes from the provider's own table; only where it stands on the paper is said here, and a test sees that
//! nothing of the table is left off.

use maud::{Markup, html};

use crate::provider::machine::{Machine, Place};

/// Where the places and moves of a machine stand on the paper.
struct Paper {
    width: u32,
    height: u32,
    boxes: &'static [(&'static str, [i32; 4])],
    lines: &'static [Line],
}

/// One or more moves between two places: `*` is any place.
struct Line {
    from: &'static str,
    to: &'static str,
    path: &'static str,
    /// Where its words stand, and whether they end, are centred or start there.
    words: (i32, i32, &'static str),
}

const fn line(from: &'static str, to: &'static str, path: &'static str, x: i32, y: i32, anchor: &'static str) -> Line {
    Line { from, to, path, words: (x, y, anchor) }
}

const IDWISE: Paper = Paper {
    width: 1060,
    height: 480,
    boxes: &[
        ("open", [40, 70, 130, 56]),
        ("processing", [300, 70, 150, 56]),
        ("finished", [570, 46, 306, 108]),
        ("resubmission_requested", [480, 216, 200, 50]),
        ("renewal_due", [720, 306, 150, 50]),
        ("renewal_lapsed", [720, 410, 150, 50]),
        ("deleted", [40, 410, 130, 50]),
    ],
    lines: &[
        line("open", "open", "M75 126 C65 168 145 168 135 126", 105, 174, "middle"),
        line("open", "processing", "M170 98 H300", 235, 90, "middle"),
        line("open", "finished", "M105 70 V24 H723 V46", 400, 18, "middle"),
        line("processing", "finished", "M450 98 H570", 508, 76, "middle"),
        line("finished", "finished", "M876 76 C912 66 912 128 876 118", 912, 72, "start"),
        line("finished", "resubmission_requested", "M620 154 V216", 612, 190, "end"),
        line("finished", "renewal_due", "M795 154 V306", 803, 236, "start"),
        line(
            "resubmission_requested",
            "resubmission_requested",
            "M680 230 C710 224 710 258 680 252",
            710,
            245,
            "start",
        ),
        line("resubmission_requested", "processing", "M480 241 H405 V126", 441, 233, "middle"),
        line("renewal_due", "renewal_due", "M870 318 C902 312 902 350 870 344", 904, 316, "start"),
        line("renewal_due", "processing", "M720 331 H372 V126", 560, 323, "middle"),
        line("renewal_due", "renewal_lapsed", "M795 356 V410", 803, 387, "start"),
        line("renewal_lapsed", "renewal_lapsed", "M870 424 C900 418 900 452 870 446", 902, 439, "start"),
        line("renewal_lapsed", "processing", "M720 435 H340 V126", 560, 427, "middle"),
        line("*", "deleted", "M105 352 V410", 105, 342, "middle"),
    ],
};

const IDENTITY: Paper = Paper {
    width: 760,
    height: 330,
    boxes: &[
        ("draft", [40, 90, 130, 56]),
        ("queued", [310, 170, 130, 50]),
        ("complete", [580, 90, 140, 56]),
        ("failed", [310, 260, 130, 50]),
    ],
    lines: &[
        line("draft", "draft", "M75 90 C65 52 145 52 135 90", 105, 34, "middle"),
        line("draft", "complete", "M170 110 H580", 375, 100, "middle"),
        line("draft", "queued", "M150 146 V195 H310", 240, 188, "middle"),
        line("queued", "complete", "M440 195 H650 V146", 545, 188, "middle"),
        line("draft", "failed", "M100 146 V285 H310", 220, 278, "middle"),
    ],
};

const STEPS: Paper = Paper {
    width: 760,
    height: 270,
    boxes: &[
        ("draft", [40, 100, 130, 56]),
        ("in_progress", [300, 100, 150, 56]),
        ("complete", [580, 100, 140, 56]),
        ("cancelled", [580, 200, 140, 50]),
    ],
    lines: &[
        line("draft", "in_progress", "M170 128 H300", 235, 120, "middle"),
        line("in_progress", "in_progress", "M345 100 C335 64 415 64 405 100", 375, 32, "middle"),
        line("in_progress", "complete", "M450 128 H580", 515, 106, "middle"),
        line("in_progress", "cancelled", "M375 156 V225 H580", 480, 218, "middle"),
    ],
};

fn paper_of(machine: &Machine) -> &'static Paper {
    match machine.places.get(1).map(|place| place.name) {
        Some("processing") => &IDWISE,
        Some("queued") => &IDENTITY,
        _ => &STEPS,
    }
}

/// The picture. `state` is the journey's state by its word, `legal` what may be done to it.
pub(super) fn drawing(machine: &Machine, state: &str, legal: &[&str]) -> Markup {
    let paper = paper_of(machine);
    let here = machine.place_of(state).map_or("", |place| place.name);
    html! {
        div.paper tabindex="0" role="region" aria-label="The journey's machine, drawn" {
            svg.machine width=(paper.width) height=(paper.height) viewBox=(format!("0 0 {} {}", paper.width, paper.height)) role="img"
                aria-labelledby="machine-title machine-text" {
                title #machine-title { "State machine" }
                desc #machine-text {
                    "The journey is " (state.replace('_', " ")) "." @if !legal.is_empty() { " Legal now: " (legal.join(", ")) "." }
                }
                defs {
                    (head("arrow"))
                    (head("arrow-legal"))
                }
                @for line in paper.lines { (drawn(machine, line, here, legal)) }
                @for (name, at) in paper.boxes {
                    @if let Some(place) = machine.places.iter().find(|place| place.name == *name) {
                        (placed(place, *at, here == *name, state))
                    }
                }
            }
        }
    }
}

fn head(id: &str) -> Markup {
    html! {
        marker id=(id) viewBox="0 0 8 8" refX="7" refY="4" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto" {
            path d="M0 0 L8 4 L0 8 z" {}
        }
    }
}

fn drawn(machine: &Machine, line: &Line, here: &str, legal: &[&str]) -> Markup {
    let from = |from: &str| line.from == from || (line.from == "*" && from != line.to);
    let mut words: Vec<&str> = Vec::new();
    for one in machine.moves.iter().filter(|one| from(one.from) && one.to == line.to) {
        if !words.contains(&one.by) {
            words.push(one.by);
        }
    }
    let can = |word: &str| from(here) && legal.contains(&word);
    let open = words.iter().any(|word| can(word));
    let (x, y, anchor) = line.words;
    html! {
        g.move.legal[open] {
            path d=(line.path) marker-end=(if open { "url(#arrow-legal)" } else { "url(#arrow)" }) {}
            text x=(x) y=(y) text-anchor=(anchor) {
                @for (n, word) in words.iter().enumerate() {
                    tspan.can[can(word)] x=(x) dy=(if n == 0 { "0" } else { "14" }) { (word) }
                }
            }
        }
    }
}

fn placed(place: &Place, [x, y, width, height]: [i32; 4], here: bool, state: &str) -> Markup {
    let name = place.name.replace('_', " ");
    html! {
        g.place.here[here] {
            rect x=(x) y=(y) width=(width) height=(height) rx="8" {}
            @if place.words.len() > 1 {
                text.name x=(x + width / 2) y=(y + 20) text-anchor="middle" { (name) }
                @for (n, word) in (0_i32..).zip(place.words) {
                    (chip(word, x + 12 + n % 3 * 96, y + 32 + n / 3 * 36, here && *word == state))
                }
            } @else {
                text.name x=(x + width / 2) y=(y + height / 2 + 5) text-anchor="middle" { @if here { "● " } (name) }
            }
        }
    }
}

fn chip(word: &str, x: i32, y: i32, here: bool) -> Markup {
    html! {
        g.chip.here[here] {
            rect x=(x) y=(y) width="90" height="28" rx="14" {}
            text x=(x + 45) y=(y + 18) text-anchor="middle" { @if here { "● " } (word) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::provider::qoreid::Product;
    use crate::provider::words::Word as _;
    use crate::provider::{idwise, qoreid};

    #[test]
    fn every_place_and_move_of_every_machine_is_on_its_paper() {
        let qoreid = Product::ALL.iter().map(|product| qoreid::machine(*product));
        for machine in qoreid.chain([&idwise::MACHINE]) {
            let paper = paper_of(machine);
            for place in machine.places {
                assert!(paper.boxes.iter().any(|(name, _)| *name == place.name), "{} is not drawn", place.name);
            }
            for one in machine.moves {
                let on = |line: &&Line| (line.from == one.from || line.from == "*") && line.to == one.to;
                assert_eq!(paper.lines.iter().filter(on).count(), 1, "{one:?}");
            }
            let names: BTreeSet<&str> = paper.boxes.iter().map(|(name, _)| *name).collect();
            for line in paper.lines {
                assert!(line.from == "*" || names.contains(line.from), "{} leads from nowhere", line.path);
            }
        }
    }

    #[test]
    fn the_place_is_lit_and_what_is_legal_is_marked() {
        let legal = ["review", "delete"];
        let shown = drawing(&idwise::MACHINE, "referred", &legal).into_string();
        assert_eq!(shown.matches("class=\"place here\"").count(), 1);
        assert!(shown.contains("● referred") && shown.contains("class=\"can\" x=\"912\" dy=\"0\">review"), "{shown}");
        assert!(shown.contains("class=\"can\" x=\"105\" dy=\"0\">delete"), "{shown}");
        assert_eq!(shown.matches("class=\"can\"").count(), 2);
    }
}
