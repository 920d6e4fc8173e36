//! How many requests may be in hand, and who may have how many of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_core::base::ClientId;

/// Room for requests in hand. While it is less than half full anyone may take it; after
/// that each client has an equal share, so that a flood from one cannot starve another.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_client: HashMap<ClientId, usize>,
}

/// A place in the room, given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    client: ClientId,
}

impl Room {
    /// Room for `most` requests.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            taken: Mutex::default(),
        })
    }

    /// Takes a place for a request of `client`; none when the room or its share is full.
    pub(super) fn take(self: &Arc<Self>, client: ClientId) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let held = taken.by_client.get(&client).copied().unwrap_or(0);
        let sharers = taken.by_client.len().saturating_add(usize::from(held == 0));
        let crowded = taken.all >= self.most / 2;
        let share = self.most.checked_div(sharers).unwrap_or(self.most);
        let open = if held == 0 {
            self.most
        } else {
            self.most.saturating_sub(self.most / 8)
        };
        if taken.all >= open || (crowded && held >= share) {
            return None;
        }
        taken.all = taken.all.saturating_add(1);
        taken.by_client.insert(client, held.saturating_add(1));
        Some(Place {
            room: Arc::clone(self),
            client,
        })
    }

    /// Requests in hand.
    pub(super) fn in_hand(&self) -> usize {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self
            .room
            .taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let held = taken
            .by_client
            .get(&self.client)
            .copied()
            .unwrap_or(0)
            .saturating_sub(1);
        if held == 0 {
            taken.by_client.remove(&self.client);
        } else {
            taken.by_client.insert(self.client, held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_alone_leaves_room_for_those_who_hold_nothing() {
        let room = Room::new(16);
        let held: Vec<_> = (0..14).map(|_| room.take(ClientId(1)).unwrap()).collect();
        assert!(room.take(ClientId(1)).is_none());
        assert!(room.take(ClientId(2)).is_some());
        drop(held);
        assert_eq!(room.in_hand(), 0);
        assert!(room.take(ClientId(1)).is_some());
    }

    #[test]
    fn a_flood_from_one_client_leaves_another_its_share() {
        let room = Room::new(10);
        let _quiet = room.take(ClientId(2)).unwrap();
        let mut flood = Vec::new();
        while let Some(place) = room.take(ClientId(1)) {
            flood.push(place);
        }
        assert_eq!(flood.len(), 5);
        while let Some(place) = room.take(ClientId(2)) {
            flood.push(place);
        }
        assert_eq!(flood.len(), 8);
    }
}
