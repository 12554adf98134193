//! Chooses the ports of a stack.

use super::Say;
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

/// Hands out ports, each once, and says which is not the documented one.
#[derive(Debug)]
pub(super) struct PortPicker {
    wish: Ports,
    say: Say,
}

impl PortPicker {
    pub(super) fn new(wish: Ports, say: Say) -> Self {
        Self { wish, say }
    }

    /// A port of 127.0.0.1 on which nothing listens, for `who`; `documented` is the one that is wished for, if any is.
    pub(super) fn pick(&self, who: &str, documented: Option<u16>) -> Result<u16> {
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
                if let Some(wished) = wished.filter(|wished| *wished != port) {
                    (self.say)(&format!("  {who:<22} port {wished} is taken, {port} in its place"));
                }
                return Ok(port);
            }
        }
        bail!("no port between 20000 and 32000 is free");
    }
}

/// Whether nobody listens there.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_port_that_is_taken_is_replaced_by_a_free_one() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
        let say: Say = |line| SAID.lock().unwrap().push(line.to_owned());
        let picker = PortPicker::new(Ports::Documented { offset: 1 }, say);
        let picked = picker.pick("kafka", Some(port - 1)).unwrap();
        assert_ne!(picked, port);
        assert!(is_free(picked));
        let said = SAID.lock().unwrap().join("\n");
        for part in ["kafka".to_owned(), format!("port {port} is taken"), picked.to_string()] {
            assert!(said.contains(&part), "{said}");
        }
    }

    #[test]
    fn no_port_is_given_twice() {
        let picker = PortPicker::new(Ports::Documented { offset: 0 }, |_| {});
        let first = picker.pick("one", None).unwrap();
        assert_ne!(picker.pick("another", Some(first)).unwrap(), first);
    }
}
