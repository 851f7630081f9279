//! Any message to any agent's hook: what is not an event is no event, and an answer never allows.
#![no_main]

use aigate::integration::catalog;
use aigate::integration::dialect::Kind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, &[u8])| {
    let (which, message) = input;
    let Ok(said) = serde_json::from_slice::<serde_json::Value>(message) else { return };
    let names: Vec<_> = catalog::names().collect();
    let agent = catalog::agent(names[which % names.len()]).expect("its file").expect("an agent");
    for dialect in &agent.hook {
        let Some(event) = dialect.event(&said) else { continue };
        let answer = dialect.answer(&event, "no \"way\"\n");
        assert!(event.kind != Kind::Tool || answer.exit != 0 || !answer.out.is_empty());
        assert!(!answer.out.contains("\"allow\""), "{}", answer.out);
    }
});
