//! What is on the screen, and what scripts are told.

mod attach;
mod bundles;
mod compose;
mod control;
mod frames;
mod keys;
mod levels;
mod program;
mod runs;
mod stage;
mod terminal;
mod tmux;
