//! The `simulator` command: `simulator --help` says what it can do.

fn main() -> std::process::ExitCode {
    simulator::cli::run()
}
