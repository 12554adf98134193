//! The `matchday-top` command, which `matchday top` runs.

fn main() -> std::process::ExitCode {
    tui::cli::run()
}
