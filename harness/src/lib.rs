//! Starts stacks and judges what comes out of them; owns the `matchday` command.
//!
//! [`stack`] runs Kafka, a database and Redis, as processes of this machine or in containers, and the services of this project; [`init`] makes the
//! topics and tables that they need; [`doctor`] says what a machine lacks for them; [`dlq`] sends
//! again what was refused; [`cli`] is the command line.

pub mod again;
pub mod anomaly;
pub mod attempt;
pub mod bundle;
pub mod capacity;
pub mod case;
pub mod cli;
pub mod compare;
pub mod demo;
pub mod dlq;
pub mod doctor;
pub mod exit;
pub mod feed;
mod float;
pub mod gates;
pub mod init;
pub mod judge;
pub mod latency;
pub mod lateness;
pub mod live;
pub mod load;
pub mod look;
pub mod monitor;
pub mod observe;
pub mod oracle;
pub mod outage;
pub mod page;
pub mod peers;
pub mod queues;
pub mod rate;
pub mod recoveries;
pub mod report;
pub mod run;
pub mod secrets;
pub mod settle;
pub mod shrink;
pub mod site;
pub mod stack;
pub mod stall;
pub mod status;
pub mod trial;
pub mod unsafe_open;
pub mod verify;
