//! Ports, ceilings, redaction and the engine.

use super::super::error::{Error, nearest};
use super::super::raw;
use super::super::source::Source;
use super::Merge;
use crate::policy::limits::{self, Limits, REDACT_PRESETS, RedactPattern};
use crate::policy::{Audit, Engine, Layer, Loss, Outside};
use crate::redact;

impl Merge<'_> {
    pub(super) fn publish_ports(&mut self, source: &Source) {
        for port in source.raw.publish_ports.iter().flatten() {
            self.note_refusal(source, port, "publish_ports");
            if source.trusted && !self.publish_ports.contains(&port.value) {
                self.publish_ports.push(port.value);
                let origin = source.origin(port, &port.value.to_string());
                self.publish_origins.push(origin);
            }
        }
    }

    pub(super) fn limits(&mut self, source: &Source) -> Result<(), Error> {
        let Some(raw) = &source.raw.resource_limits else {
            return Ok(());
        };
        if let Some(text) = raw
            .max_memory
            .as_ref()
            .filter(|text| !text.value.is_empty())
        {
            let Some(bytes) = limits::parse_memory(&text.value) else {
                let message = format!("`{}` is no amount of memory, as 512M or 4G is", text.value);
                return Err(source.wrong(text, message));
            };
            let origin = source.origin(text, &format!("max_memory: {}", text.value));
            Limits::lower(&mut self.limits.max_memory, bytes, origin);
        }
        // Zero means "not set", as it did upstream.
        if let Some(cpu) = raw.max_cpu_percent.as_ref().filter(|cpu| cpu.value > 0) {
            let origin = source.origin(cpu, &format!("max_cpu_percent: {}", cpu.value));
            Limits::lower(&mut self.limits.max_cpu_percent, cpu.value, origin);
        }
        if let Some(pids) = raw.max_pids.as_ref().filter(|pids| pids.value > 0) {
            let origin = source.origin(pids, &format!("max_pids: {}", pids.value));
            Limits::lower(&mut self.limits.max_pids, pids.value, origin);
        }
        let required = raw.required.as_ref().filter(|required| required.value);
        if let (Some(required), None) = (required, &self.limits.required) {
            self.limits.required = Some(source.origin(required, "required: true"));
        }
        Ok(())
    }

    /// A later layer decides, but never below the managed file, and an untrusted one only upwards.
    pub(super) fn audit(&mut self, source: &Source) {
        let Some(audit) = &source.raw.audit else {
            return;
        };
        let (present, floor) = &mut self.audit;
        let wanted = Audit::from(audit.value);
        if source.layer == Layer::Managed {
            *floor = wanted;
        }
        if !source.trusted && wanted < *present {
            self.refused.push(source.origin(audit, "audit"));
        } else {
            *present = wanted.max(*floor);
        }
    }

    /// As with [`Merge::audit`].
    pub(super) fn audit_exec(&mut self, source: &Source) {
        let Some(each) = &source.raw.audit_exec else {
            return;
        };
        let (present, floor) = &mut self.audit_exec;
        if source.layer == Layer::Managed {
            *floor = each.value;
        }
        if !source.trusted && !each.value && *present {
            self.refused.push(source.origin(each, "audit_exec"));
        } else {
            *present = each.value || *floor;
        }
    }

    /// As with [`Merge::audit`].
    pub(super) fn outside(&mut self, source: &Source) {
        let hook = source.raw.hook.as_ref();
        let Some(outside) = hook.and_then(|hook| hook.outside.as_ref()) else {
            return;
        };
        let (present, floor) = &mut self.outside;
        let wanted = Outside::from(outside.value);
        if source.layer == Layer::Managed {
            *floor = wanted;
        }
        if !source.trusted && wanted < *present {
            let origin = source.origin(outside, "hook: outside");
            self.refused.push(origin);
        } else {
            *present = wanted.max(*floor);
        }
    }

    pub(super) fn redact(&mut self, source: &Source) -> Result<(), Error> {
        let Some(mask) = &source.raw.mask_stdout else {
            return Ok(());
        };
        for item in mask.presets.iter().flatten() {
            if !REDACT_PRESETS.contains(&item.value.as_str()) {
                let known = match nearest(&item.value, &REDACT_PRESETS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", REDACT_PRESETS.join(", ")),
                };
                let message = format!("no preset is named `{}`; {known}", item.value);
                return Err(source.wrong(item, message));
            }
            if !self
                .redact
                .presets
                .iter()
                .any(|(name, _)| *name == item.value)
            {
                let origin = source.origin(item, &item.value);
                self.redact.presets.push((item.value.clone(), origin));
            }
        }
        for item in mask.patterns.iter().flatten() {
            let origin = source.origin(item, &item.value.regex);
            let pattern = RedactPattern {
                regex: item.value.regex.clone(),
                show_prefix: item.value.show_prefix,
                case_insensitive: item.value.case_insensitive,
                origin,
            };
            redact::check(&pattern).map_err(|why| {
                let message = format!("`{}` cannot be searched for: {why}", pattern.regex);
                source.wrong(item, message)
            })?;
            self.redact.patterns.push(pattern);
        }
        Ok(())
    }

    /// The managed file's engine is final; otherwise the last layer decides.
    pub(super) fn engine(&mut self, source: &Source) {
        let Some(engine) = &source.raw.engine else {
            return;
        };
        if !source.trusted {
            self.refused.push(source.origin(engine, "engine"));
        } else if !self.engine.1 {
            self.engine = (engine.value.into(), source.layer == Layer::Managed);
        }
    }

    /// As with [`Merge::engine`], but no project says what its user does without, trusted or not.
    pub(super) fn accepted(&mut self, source: &Source) {
        let Some(losses) = &source.raw.accept_losses else {
            return;
        };
        if source.layer == Layer::Project || !source.trusted {
            let each = losses.iter();
            self.refused
                .extend(each.map(|loss| source.origin(loss, "accept_losses")));
        } else if !self.accepted.1 {
            let words = losses.iter().map(|loss| loss.value.into()).collect();
            self.accepted = (words, source.layer == Layer::Managed);
        }
    }
}

impl From<raw::Audit> for Audit {
    fn from(word: raw::Audit) -> Audit {
        match word {
            raw::Audit::Off => Audit::Off,
            raw::Audit::On => Audit::On,
            raw::Audit::Required => Audit::Required,
        }
    }
}

impl From<raw::Outside> for Outside {
    fn from(word: raw::Outside) -> Outside {
        match word {
            raw::Outside::Warn => Outside::Warn,
            raw::Outside::Deny => Outside::Deny,
        }
    }
}

impl From<raw::Loss> for Loss {
    fn from(word: raw::Loss) -> Loss {
        match word {
            raw::Loss::Names => Loss::Names,
            raw::Loss::Later => Loss::Later,
            raw::Loss::Protected => Loss::Protected,
            raw::Loss::Metadata => Loss::Metadata,
            raw::Loss::Processes => Loss::Processes,
            raw::Loss::Shared => Loss::Shared,
        }
    }
}

impl From<raw::Engine> for Engine {
    fn from(word: raw::Engine) -> Engine {
        match word {
            raw::Engine::Auto => Engine::Auto,
            raw::Engine::Native => Engine::Native,
            raw::Engine::Landlock => Engine::Landlock,
            raw::Engine::User => Engine::User,
            raw::Engine::Bwrap => Engine::Bwrap,
            raw::Engine::Seatbelt => Engine::Seatbelt,
        }
    }
}
