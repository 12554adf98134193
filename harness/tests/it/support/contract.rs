//! The AsyncAPI document as a judge: whether what passes over a socket is what it documents, and whether all that it
//! documents was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use anyhow::{Context, Result, bail, ensure};
use boon::{Compiler, Draft, SchemaIndex, Schemas};
use harness::stack::Stack;
use serde_json::Value;

/// Where the compiler believes the document to be; nothing is fetched from there.
const LOCATION: &str = "http://matchday.test/asyncapi.json";

/// The document and what was seen of it.
pub struct Contract {
    document: Value,
    schemas: Schemas,
    /// By operation action and message name.
    messages: BTreeMap<(&'static str, String), SchemaIndex>,
    close_reason: SchemaIndex,
    seen: Mutex<BTreeSet<String>>,
}

/// Who speaks, from the server's side.
const RECEIVED: &str = "receive";
const SENT: &str = "send";

impl Contract {
    /// As a running server publishes it.
    pub async fn of(stack: &Stack) -> Self {
        let socket = stack.socket_url().unwrap();
        let url = socket.replace("ws:", "http:").replace("/v1/socket", "/asyncapi.json");
        Self::new(reqwest::get(url).await.unwrap().json().await.unwrap()).unwrap()
    }

    /// Reads the document. An object that lists its properties may have no others here: the document leaves room for
    /// fields to come, but one that the server already sends has to be listed.
    pub fn new(document: Value) -> Result<Self> {
        ensure!(document["asyncapi"] == "3.0.0", "not AsyncAPI 3.0.0");
        let mut closed = document.clone();
        close(&mut closed);
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V7);
        compiler.add_resource(LOCATION, closed).map_err(|error| anyhow::anyhow!("{error}"))?;
        let mut schemas = Schemas::new();
        let mut compile = |pointer: &str| {
            let compiled = compiler.compile(&format!("{LOCATION}{pointer}"), &mut schemas);
            compiled.map_err(|error| anyhow::anyhow!("{pointer}: {error}"))
        };
        let mut messages = BTreeMap::new();
        for operation in document["operations"].as_object().context("no operations")?.values() {
            let action = if operation["action"] == RECEIVED { RECEIVED } else { SENT };
            for message in operation["messages"].as_array().context("no messages")? {
                let in_channel = reference(message)?;
                let in_components = reference(at(&document, in_channel)?)?;
                let name = at(&document, in_components)?["name"].as_str().context("a message has no name")?;
                messages.insert((action, name.to_owned()), compile(&format!("{in_components}/payload"))?);
            }
        }
        let close_reason = compile("#/channels/socket/x-close-reason")?;
        Ok(Self { document, schemas, messages, close_reason, seen: Mutex::default() })
    }

    /// A frame of the server.
    pub fn sent(&self, frame: &Value) -> Result<()> {
        self.check(SENT, frame)?;
        match frame["type"].as_str() {
            Some("error") => self.saw(format!("error {}", frame["code"])),
            Some("status") => self.saw(format!("status {} {}", frame["subject"], frame["state"])),
            _ => {}
        }
        Ok(())
    }

    /// A message of a client.
    pub fn received(&self, message: &Value) -> Result<()> {
        self.check(RECEIVED, message)
    }

    /// The end of a session.
    pub fn closed(&self, code: u16, reason: &Value) -> Result<()> {
        let codes = &self.document["channels"]["socket"]["x-close-codes"];
        ensure!(codes[code.to_string()].is_string(), "close code {code} is not documented");
        self.validate(self.close_reason, reason)?;
        self.saw(format!("close {code}"));
        Ok(())
    }

    /// Everything that is documented and was not seen.
    pub fn unseen(&self) -> Vec<String> {
        let mut documented: BTreeSet<String> = self.messages.keys().map(|(_, name)| name.clone()).collect();
        let schemas = &self.document["components"]["schemas"];
        let codes = schemas["errorCode"]["enum"].as_array().unwrap();
        documented.extend(codes.iter().map(|code| format!("error {code}")));
        for state in schemas["status"]["oneOf"].as_array().unwrap() {
            let state = at(&self.document, reference(state).unwrap()).unwrap();
            let properties = &state["properties"];
            let one = std::slice::from_ref(&properties["state"]["const"]);
            let states = properties["state"]["enum"].as_array().map_or(one, Vec::as_slice);
            let subject = &properties["subject"]["const"];
            documented.extend(states.iter().map(|state| format!("status {subject} {state}")));
        }
        let closes = self.document["channels"]["socket"]["x-close-codes"].as_object().unwrap();
        documented.extend(closes.keys().map(|code| format!("close {code}")));
        let seen = self.seen.lock().unwrap();
        documented.difference(&seen).cloned().collect()
    }

    /// Every example of a message, with the name of the message.
    pub fn examples(&self) -> Vec<(String, Value)> {
        let messages = self.document["components"]["messages"].as_object().unwrap();
        let examples = |message: &Value| message["examples"].as_array().cloned().unwrap_or_default();
        messages
            .iter()
            .flat_map(|(name, message)| examples(message).into_iter().map(move |one| (name.clone(), one)))
            .map(|(name, example)| (name, example["payload"].clone()))
            .collect()
    }

    /// The document itself.
    pub fn document(&self) -> &Value {
        &self.document
    }

    fn check(&self, action: &'static str, message: &Value) -> Result<()> {
        let name = message["type"].as_str().context("no `type`")?;
        let Some(schema) = self.messages.get(&(action, name.to_owned())) else {
            bail!("`{name}` is not documented: {message}");
        };
        self.validate(*schema, message)
            .with_context(|| format!("`{name}` is not as documented: {message}"))?;
        self.saw(name.to_owned());
        Ok(())
    }

    fn validate(&self, schema: SchemaIndex, value: &Value) -> Result<()> {
        self.schemas.validate(value, schema).map_err(|error| anyhow::anyhow!("{error:#}"))
    }

    fn saw(&self, what: String) {
        self.seen.lock().unwrap().insert(what);
    }
}

/// Lets no object have a property that is not listed, where any are.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) {
                fields.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

fn reference(value: &Value) -> Result<&str> {
    value["$ref"].as_str().with_context(|| format!("{value} is no reference"))
}

fn at<'a>(document: &'a Value, reference: &str) -> Result<&'a Value> {
    let pointer = reference.strip_prefix('#').context("a reference out of the document")?;
    document.pointer(pointer).with_context(|| format!("{reference} leads nowhere"))
}
