//! The `matchday` command.

fn main() -> std::process::ExitCode {
    harness::cli::run()
}
