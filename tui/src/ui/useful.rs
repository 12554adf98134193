//! Which keys do something where: what the footer tells of, and in which order.

use super::{Ui, View};
use crate::keys::Action;

impl Ui {
    /// Whether the key for it does something on this screen, so that the footer tells of it.
    #[must_use]
    pub fn is_useful(&self, action: Action) -> bool {
        let is_game = self.view == View::Games && self.is_open;
        let is_run = self.view == View::Runs && self.runs.is_open();
        let is_list = !is_game && !is_run;
        if self.shows_help {
            return matches!(action, Action::Quit | Action::Help | Action::Back);
        }
        if self.warnings.is_some() {
            let leads_away = matches!(action, Action::NextView | Action::PreviousView | Action::View(_));
            let is_here = matches!(
                action,
                Action::Warnings | Action::Back | Action::Pause | Action::Control | Action::Attach
            );
            return leads_away || is_here || matches!(action, Action::Quit | Action::Help);
        }
        match action {
            Action::Open => matches!(self.view, View::Pipeline | View::Games | View::Runs) && is_list,
            Action::Back => {
                let is_scrolled = self.view == View::Faults && self.faults.is_scrolled();
                !is_list || !self.filter().is_empty() || is_scrolled
            }
            Action::Filter => matches!(self.view, View::Games | View::Kafka | View::Logs) && is_list,
            Action::Sort => matches!(self.view, View::Games | View::Kafka) && is_list,
            Action::Left | Action::Right => matches!(self.view, View::Pipeline | View::Logs) || !is_list,
            Action::Wider | Action::Narrower => {
                matches!(self.view, View::Pipeline | View::Kafka | View::Clients | View::Faults)
            }
            Action::Mark => self.view == View::Runs && is_list,
            Action::NextFault | Action::PreviousFault | Action::Page => is_run,
            Action::Control => self.view != View::Runs,
            Action::Faster | Action::Slower | Action::Hold | Action::Burst => self.view == View::Faults,
            _ => true,
        }
    }

    /// Whether the key for it does something on few screens only: the footer tells of it first.
    #[must_use]
    pub fn is_of_this_screen(&self, action: Action) -> bool {
        let of_runs = self.view == View::Runs && matches!(action, Action::Open | Action::Back);
        let of_lists = matches!(self.view, View::Games | View::Kafka)
            && matches!(action, Action::Open | Action::Filter | Action::Sort);
        of_runs
            || of_lists
            || matches!(
                action,
                Action::Mark
                    | Action::NextFault
                    | Action::Page
                    | Action::Faster
                    | Action::Slower
                    | Action::Hold
                    | Action::Burst
            )
            || action == Action::Control && self.view == View::Faults
    }
}
