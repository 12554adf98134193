//! Chooses the ports of a stack.

use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

/// Which ports a stack would like to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// Any that are free: any number of such stacks run beside one another.
    Free,
    /// The documented ones, all shifted by `offset`; in the place of one that is taken, any that is free.
    Documented {
        /// Added to every documented port.
        offset: u16,
    },
}

/// Every port given out by this process: one whose process is being restarted looks free and is not.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Hands out ports, each once.
#[derive(Debug)]
pub(super) struct PortPicker {
    wish: Ports,
}

impl PortPicker {
    pub(super) fn new(wish: Ports) -> Self {
        Self { wish }
    }

    /// A port of 127.0.0.1 on which nothing listens; `documented` is the one that is wished for, if any is.
    pub(super) fn pick(&self, documented: Option<u16>) -> Result<u16> {
        let wished = match self.wish {
            Ports::Free => None,
            Ports::Documented { offset } => documented.and_then(|port| port.checked_add(offset)),
        };
        // Not from the system's own range (32768 and up): there a port may be taken for an outgoing connection while its
        // process is being restarted, even by a client that tries to connect to that very port.
        let first = rand::random_range(20_000..30_000);
        let candidates = wished.into_iter().chain((first..32_000).chain(20_000..first));
        let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
        for port in candidates {
            if is_free(port) && given.insert(port) {
                return Ok(port);
            }
        }
        bail!("no port between 20000 and 32000 is free");
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_port_that_is_taken_is_replaced_by_a_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let picker = PortPicker::new(Ports::Documented { offset: 1 });
        let picked = picker.pick(Some(port - 1)).unwrap();
        assert_ne!(picked, port);
        assert!(is_free(picked));
    }

    #[test]
    fn no_port_is_given_twice() {
        let picker = PortPicker::new(Ports::Documented { offset: 0 });
        let first = picker.pick(None).unwrap();
        assert_ne!(picker.pick(Some(first)).unwrap(), first);
    }
}
