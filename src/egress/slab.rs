//! Things with stable numbers. A number of something removed is never taken for its successor's.

/// The number of something in a [`Slab`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub index: u32,
    pub generation: u32,
}

/// Generations have this many bits, so that a number fits into an epoll event with its kind.
const GENERATIONS: u32 = 0x00ff_ffff;

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Slab {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, value: T) -> Id {
        if let Some(index) = self.free.pop()
            && let Some(entry) = self.entries.get_mut(index as usize)
        {
            entry.value = Some(value);
            return Id {
                index,
                generation: entry.generation,
            };
        }
        self.entries.push(Entry {
            generation: 0,
            value: Some(value),
        });
        Id {
            index: (self.entries.len() - 1) as u32,
            generation: 0,
        }
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let entry = self.entries.get_mut(id.index as usize)?;
        entry
            .value
            .as_mut()
            .filter(|_| entry.generation == id.generation)
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let entry = self.entries.get_mut(id.index as usize)?;
        let value = entry.value.take_if(|_| entry.generation == id.generation)?;
        entry.generation = (entry.generation + 1) & GENERATIONS;
        self.free.push(id.index);
        Some(value)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Id, &mut T)> {
        (0..).zip(&mut self.entries).filter_map(|(index, entry)| {
            let generation = entry.generation;
            entry
                .value
                .as_mut()
                .map(|value| (Id { index, generation }, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_number_finds_nothing() {
        let mut slab = Slab::new();
        let a = slab.insert('a');
        let b = slab.insert('b');
        assert_eq!(slab.remove(a), Some('a'));
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.remove(a), None);
        let c = slab.insert('c');
        assert_eq!(c.index, a.index);
        assert_eq!(slab.get_mut(a), None);
        assert_eq!(slab.get_mut(c), Some(&mut 'c'));
        assert_eq!(
            slab.iter_mut().map(|(id, _)| id).collect::<Vec<_>>(),
            [c, b]
        );
        assert_eq!(slab.len(), 2);
    }
}
