//! `matchday-top`: what a stack does, seen from a terminal.
//!
//! [`attach`] finds the stack; each task of [`source`] asks one place again and again and reports; [`model`] keeps what they
//! told, with its history, and judges it; [`watch`] is these three together. [`ui`] is what the person at the keyboard has
//! chosen; [`view`] makes a frame of that and of the model; [`run`] does so in front of a terminal, [`plain`] where there is none. `model`, `ui` and `view` do no I/O and read
//! no clock.

pub mod ansi;
pub mod attach;
pub mod bundle;
pub mod cli;
pub mod clock;
pub mod game;
pub mod keys;
pub mod model;
pub mod order;
pub mod plain;
pub mod run;
pub mod simulator;
pub mod source;
pub mod terminal;
pub mod text;
pub mod theme;
pub mod ui;
pub mod view;
pub mod watch;
