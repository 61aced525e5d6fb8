//! What a terminal remembers while it follows: the deliveries that were shown, which one is selected, what is filtered.
//! Keys in, wishes out. Pure.

use std::collections::VecDeque;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// So many deliveries can be selected: the last ones.
const KEPT: usize = 1_000;

/// A delivery that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    id: String,
    line: String,
}

/// What a key asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing but to be drawn again.
    Draw,
    /// This delivery once more.
    Resend(String),
    /// To leave.
    Leave,
    /// To leave as by a signal.
    Interrupt,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Desk {
    shown: VecDeque<Shown>,
    /// The delivery that was picked; the last one where none was.
    picked: Option<String>,
    filter: String,
    /// The filter is being typed.
    typing: bool,
}

impl Desk {
    /// Whether a line is to be shown.
    pub(super) fn wants(&self, line: &str) -> bool {
        self.filter.is_empty() || line.to_lowercase().contains(&self.filter.to_lowercase())
    }

    /// Remembers a delivery by the line of its last attempt, without colours.
    pub(super) fn remember(&mut self, id: &str, line: &str) {
        self.shown.retain(|shown| shown.id != id);
        self.shown.push_back(Shown { id: id.to_owned(), line: line.to_owned() });
        if self.shown.len() > KEPT {
            self.shown.pop_front();
        }
    }

    /// What a key asks for.
    pub(super) fn press(&mut self, key: KeyEvent) -> Wish {
        if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
            return Wish::Interrupt;
        }
        if self.typing {
            self.type_filter(key.code);
            return Wish::Draw;
        }
        match key.code {
            KeyCode::Char('q') => return Wish::Leave,
            KeyCode::Char('r') => return self.selected().map_or(Wish::Draw, |shown| Wish::Resend(shown.id.clone())),
            KeyCode::Char('/') => {
                self.typing = true;
                self.filter.clear();
            }
            KeyCode::Esc => {
                self.filter.clear();
                self.picked = None;
            }
            KeyCode::Up | KeyCode::Char('k') => self.go(-1),
            KeyCode::Down | KeyCode::Char('j') => self.go(1),
            _ => {}
        }
        Wish::Draw
    }

    fn type_filter(&mut self, key: KeyCode) {
        match key {
            KeyCode::Char(c) => self.filter.push(c),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.filter.clear();
                self.typing = false;
            }
            _ => {}
        }
    }

    /// The deliveries that the filter lets through.
    fn seen(&self) -> Vec<&Shown> {
        self.shown.iter().filter(|shown| self.wants(&shown.line)).collect()
    }

    fn selected(&self) -> Option<&Shown> {
        let seen = self.seen();
        let picked = self.picked.as_ref().and_then(|id| seen.iter().find(|shown| shown.id == *id));
        picked.or(seen.last()).copied()
    }

    fn go(&mut self, by: isize) {
        let seen = self.seen();
        let last = seen.len().saturating_sub(1);
        let at = self.selected().and_then(|selected| seen.iter().position(|shown| shown.id == selected.id));
        let next = at.unwrap_or_default().saturating_add_signed(by).min(last);
        // The last one is followed: what comes next is selected then.
        self.picked = if next == last { None } else { seen.get(next).map(|shown| shown.id.clone()) };
    }

    /// The line at the foot.
    pub(super) fn foot(&self) -> String {
        if self.typing {
            return format!("/{}_   Enter keeps it, Esc shows all again", self.filter);
        }
        let keys = "r again  / filter  up/down select  q leave";
        let filter = if self.filter.is_empty() { String::new() } else { format!("  [/{}]", self.filter) };
        match self.selected() {
            None => format!("no delivery yet{filter}   {keys}"),
            Some(shown) => {
                let seen = self.seen();
                let at = seen.iter().position(|one| one.id == shown.id).unwrap_or_default() + 1;
                format!("{} ({at} of {}){filter}  {}   {keys}", shown.id, seen.len(), shown.line.trim_start())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        let mut desk = Desk::default();
        for (id, line) in [("d1", "200 demo"), ("d2", "500 Other"), ("d3", "200 other"), ("d1", "200 demo again")] {
            desk.remember(id, line);
        }
        desk
    }

    fn press(desk: &mut Desk, keys: &str) -> Wish {
        let code = |c| match c {
            '^' => KeyCode::Up,
            'v' => KeyCode::Down,
            '\n' => KeyCode::Enter,
            '!' => KeyCode::Esc,
            '<' => KeyCode::Backspace,
            c => KeyCode::Char(c),
        };
        keys.chars().map(|c| desk.press(KeyEvent::new(code(c), KeyModifiers::NONE))).last().expect("a key")
    }

    #[test]
    fn keys_select_filter_and_send_again() {
        for (keys, wish) in [
            ("r", Wish::Resend("d1".into())),
            ("^r", Wish::Resend("d3".into())),
            ("^^r", Wish::Resend("d2".into())),
            ("^^^^r", Wish::Resend("d2".into())),
            ("^^vr", Wish::Resend("d3".into())),
            ("^vvr", Wish::Resend("d1".into())),
            ("/other\nr", Wish::Resend("d3".into())),
            ("/other\n^r", Wish::Resend("d2".into())),
            ("/nobody\nr", Wish::Draw),
            ("/nobody\n!r", Wish::Resend("d1".into())),
            ("/nobody!r", Wish::Resend("d1".into())),
            ("/ox<ther\nr", Wish::Resend("d3".into())),
            ("/rq", Wish::Draw),
            ("q", Wish::Leave),
        ] {
            assert_eq!(press(&mut desk(), keys), wish, "{keys:?}");
        }
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(desk().press(interrupt), Wish::Interrupt);
        assert_eq!(Desk::default().press(KeyEvent::new(KeyCode::Char('r'), KeyModifiers::NONE)), Wish::Draw);
    }

    #[test]
    fn what_was_picked_stays_and_the_last_is_followed() {
        let mut desk = desk();
        press(&mut desk, "^");
        desk.remember("d9", "200 new");
        assert_eq!(press(&mut desk, "r"), Wish::Resend("d3".into()));
        press(&mut desk, "vv");
        desk.remember("d10", "200 newer");
        assert_eq!(press(&mut desk, "r"), Wish::Resend("d10".into()));
        assert!(desk.foot().starts_with("d10 (5 of 5)  200 newer"), "{}", desk.foot());
    }

    #[test]
    fn so_many_are_remembered() {
        let mut desk = Desk::default();
        for n in 0..KEPT + 5 {
            desk.remember(&format!("d{n}"), "x");
        }
        assert_eq!((desk.shown.len(), desk.shown[0].id.as_str()), (KEPT, "d5"));
    }
}
