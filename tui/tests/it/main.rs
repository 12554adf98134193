//! What is on the screen, and what scripts are told.

mod frames;
mod keys;
mod levels;
mod program;
mod stage;
