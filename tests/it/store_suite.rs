//! What every state store must do. `store_suite!(Backend)` makes one test of each case.

pub mod accept;
pub mod answers;
pub mod batches;
pub mod conditions;
pub mod deferrals;
pub mod lanes;
pub mod leases;
pub mod ledger;
pub mod lists;
pub mod operate;
pub mod replay;
pub mod retention;
pub mod supersede;
pub mod webhook;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crossconnect::model::{Attempt, Delivery, DeliveryId, DeliveryState, FailureClass, Final, Timestamp};
use crossconnect::store::{Accepted, Claim, Claimed, Leased, Settlement, Store, StoreError};

use self::webhook::Webhook;

/// A place where one test keeps state.
pub trait Backend: Sized + Send + Sync {
    /// Whether a claim sees all lanes of a destination at once. Where the state is cut, each part is
    /// asked by itself: what is due first, and how places are shared, is exact within a part only, and
    /// who was given all it asked for is told to ask again at once.
    const SEES_ALL: bool = true;

    /// An empty one, of this test alone.
    fn fresh() -> impl Future<Output = Self> + Send;

    /// Opens the state that is there. What an earlier opening leased must not hinder.
    fn open(&self) -> impl Future<Output = Arc<dyn Store>> + Send;
}

/// How long leases last here.
pub const LEASE: Duration = Duration::from_secs(60);

/// `seconds` after the beginning of these tests' time.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_751_300_000 + seconds).unwrap()
}

/// An open store and the few things all cases do with it.
pub struct Bench<B> {
    pub backend: B,
    pub store: Arc<dyn Store>,
}

impl<B: Backend> Bench<B> {
    pub async fn new() -> Self {
        let backend = B::fresh().await;
        let store = backend.open().await;
        Self { backend, store }
    }

    /// Drops the store and opens what it left behind.
    pub async fn reopen(self) -> Self {
        let Self { backend, store } = self;
        drop(store);
        let store = backend.open().await;
        Self { backend, store }
    }

    /// Accepts a webhook that must be new; its deliveries.
    pub async fn accept(&self, webhook: &Webhook) -> Vec<Delivery> {
        assert_eq!(self.store.accept(&webhook.receipt, &webhook.outcome).await, Ok(Accepted::New));
        webhook.outcome.deliveries.clone()
    }

    /// Accepts one event with one delivery.
    pub async fn deliver(&self, seconds: i64, destination: &str, lane: Option<&str>) -> DeliveryId {
        let webhook = Webhook::at(seconds).event().to("r", destination, lane);
        self.accept(&webhook).await[0].id
    }

    pub async fn claim(&self, destination: &str, limit: usize, seconds: i64) -> Claimed {
        let claim =
            Claim { destination: destination.into(), limit, retries: limit, now: at(seconds), lease: LEASE };
        self.store.claim(claim).await.unwrap()
    }

    /// Claims what is due and says which.
    pub async fn claim_ids(&self, destination: &str, limit: usize, seconds: i64) -> Vec<DeliveryId> {
        self.claim(destination, limit, seconds).await.leased.iter().map(|leased| leased.delivery.id).collect()
    }

    /// Claims exactly one.
    pub async fn claim_one(&self, destination: &str, seconds: i64) -> Leased {
        let mut claimed = self.claim(destination, 10, seconds).await;
        assert_eq!(claimed.leased.len(), 1, "{claimed:?}");
        claimed.leased.remove(0)
    }

    pub async fn settle(&self, leased: &Leased, end: End, seconds: i64) -> Result<(), StoreError> {
        let (attempt, settlement) = end.of(leased, seconds);
        self.store.settle(leased, attempt, settlement, at(seconds)).await
    }

    /// Claims the one delivery that is due and ends it.
    pub async fn finish(&self, destination: &str, end: End, seconds: i64) -> DeliveryId {
        let leased = self.claim_one(destination, seconds).await;
        self.settle(&leased, end, seconds).await.unwrap();
        leased.delivery.id
    }

    pub async fn state(&self, id: DeliveryId) -> DeliveryState {
        self.store.delivery(id).await.unwrap().summary.state
    }
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Delivered,
    Dead,
    /// Due again then.
    Again(i64),
}

impl End {
    pub fn of(self, leased: &Leased, seconds: i64) -> (Attempt, Settlement) {
        let attempt = attempt(leased.attempts + 1, seconds);
        let failed = Attempt {
            status: Some(503),
            class: Some(FailureClass::Http5xx),
            error: Some("answered 503".into()),
            remedy: Some("look at the receiver".into()),
            ..attempt.clone()
        };
        match self {
            Self::Delivered => (attempt, Settlement::Final(Final::Delivered, None)),
            Self::Dead => (failed, Settlement::Final(Final::Dead, Some("the schedule is used up".into()))),
            Self::Again(seconds) => (failed, Settlement::Again(at(seconds))),
        }
    }
}

/// An attempt that succeeded.
pub fn attempt(number: u32, seconds: i64) -> Attempt {
    Attempt {
        number,
        at: at(seconds),
        duration_ms: 12,
        url: "http://127.0.0.1:9/hook".into(),
        method: "POST".into(),
        request_headers: vec![("authorization".into(), "[redacted]".into())],
        status: Some(200),
        response_excerpt: Some("ok".into()),
        class: None,
        error: None,
        remedy: None,
    }
}

macro_rules! store_suite {
    ($backend:ty) => {
        store_suite! { @ $backend;
            accept:
                a_receipt_is_read_back_as_it_was_written
                a_delivery_is_read_back_as_it_was_written
                a_repetition_is_told_the_first_receipt_and_writes_nothing
                of_a_hundred_concurrent_repetitions_exactly_one_is_new
                repetitions_in_one_batch_are_recognised
                a_key_belongs_to_its_source
                a_key_is_forgotten_when_its_window_is_over
                a_receipt_without_a_key_is_never_a_repetition
                a_receipt_id_that_is_taken_is_refused_and_harms_no_neighbour
                a_delivery_of_no_event_is_refused_whole
                what_was_answered_is_there_after_a_reopening;
            lanes:
                a_later_change_waits_for_the_earlier_one
                other_lanes_do_not_wait
                the_same_lane_of_another_destination_does_not_wait
                deliveries_without_a_lane_wait_for_nobody
                a_failed_head_holds_its_lane_until_it_is_due_again
                a_dead_head_lets_its_lane_go_on
                lanes_keep_their_order_under_many_workers
                a_lane_goes_on_after_a_reopening;
            leases:
                what_is_leased_is_not_given_twice
                a_lease_that_ran_out_is_given_again_with_another_token
                an_old_token_settles_nothing
                a_late_settlement_counts_while_nobody_else_claimed
                a_released_delivery_is_due_as_before
                leases_end_with_the_process
                nothing_is_claimed_before_it_is_due
                next_due_tells_when_to_ask_again
                the_oldest_due_come_first
                fresh_deliveries_get_half_of_the_places_beside_many_retries
                a_single_place_is_shared_by_chance
                a_limit_of_nothing_claims_nothing
                a_hundred_concurrent_claims_share_without_overlap
                the_bell_rings_for_what_may_be_claimed;
            answers:
                an_attempt_is_recorded_with_its_settlement
                only_the_last_fifty_attempts_are_kept
                pending_counts_per_destination
                what_is_not_there_is_not_found
                a_ping_is_a_write_that_works
                a_closed_store_is_unavailable_and_what_it_wrote_is_there;
            operate:
                a_dead_delivery_is_retried_with_a_fresh_schedule
                a_cancelled_delivery_can_be_retried
                a_pending_delivery_is_due_now_after_a_retry
                a_delivered_one_is_not_retried
                a_retried_delivery_goes_before_later_ones_of_its_lane
                a_retried_delivery_waits_for_the_attempt_under_way
                a_retried_delivery_waits_for_earlier_ones_of_its_lane
                a_pending_delivery_can_be_cancelled_and_its_lane_goes_on
                a_delivery_is_not_cancelled_while_it_is_attempted
                a_delivery_whose_lease_ran_out_can_be_cancelled
                what_ended_is_not_cancelled;
            replay:
                a_failed_receipt_gets_its_events_by_a_replay
                a_replay_adds_deliveries_and_leaves_the_pending_ones
                a_replay_moves_a_finished_event_back_to_pending
                a_replay_that_fails_again_keeps_what_was
                a_replay_with_a_known_delivery_is_refused_whole
                of_two_replays_of_what_both_saw_one_is_refused;
            lists:
                receipts_are_listed_newest_first_in_pages
                pages_stay_stable_while_new_ones_arrive
                receipts_are_filtered
                deliveries_are_filtered
                a_list_is_capped
                a_foreign_cursor_is_refused
                a_summary_tells_the_first_event;
            retention:
                finished_receipts_go_after_their_time
                refusals_are_told_as_long_as_their_receipt_is_there
                dead_ones_are_kept_longer
                what_is_pending_is_kept
                a_dedupe_key_outlives_its_receipt
                many_receipts_go_in_one_call
                the_ledger_keeps_what_retention_took
                an_event_that_nobody_replayed_ends_as_dead;
            supersede:
                a_newer_change_ends_those_that_wait
                only_what_may_be_superseded_is
                an_event_does_not_supersede_itself
                what_is_under_way_is_superseded_when_it_fails
                what_is_under_way_and_arrives_counts_as_delivered
                a_lease_that_ran_out_protects_nothing
                a_replay_of_an_older_change_is_superseded_itself
                an_older_change_is_not_retried_after_a_newer_one
                nor_is_one_that_was_under_way_for_too_long
                not_even_when_retention_took_the_newer_one
                nothing_goes_back_in_time;
            conditions:
                a_paused_destination_gets_nothing
                the_end_of_a_pause_rings
                an_attempt_under_way_is_settled_during_a_pause
                failing_counts_from_the_first_failure_since_a_success
                trouble_is_told_once_and_so_is_its_end
                a_pause_is_told_and_the_first_success_after_it
                deaths_and_failures_are_told
                nothing_is_told_about_notices
                a_notice_is_forgotten_when_it_was_told
                a_refused_write_tells_nothing
                retries_are_bounded_apart;
            batches:
                events_of_a_group_leave_together
                a_batch_is_complete_after_silence_and_at_the_latest_after_its_longest_wait
                the_number_of_events_completes_a_batch
                the_size_of_events_completes_a_batch
                silence_begins_anew_only_for_the_last_batch_of_a_group
                who_comes_late_opens_a_new_batch
                groups_do_not_mix
                an_event_alone_waits_for_nobody
                a_batch_is_given_to_one_at_a_time
                a_sealed_batch_is_sealed_once
                a_batch_that_was_dropped_is_filtered
                a_batch_that_failed_is_gathered_again_by_a_replay
                a_failed_batch_tells_each_receipt_once
                an_event_that_waits_is_not_gathered_twice
                an_event_moves_with_its_group
                what_an_earlier_outcome_gathered_stands
                the_deliveries_of_a_batch_are_those_of_each_event
                a_batch_that_died_is_told_and_retried
                a_batch_keeps_to_its_lane_and_is_never_superseded
                an_open_batch_outlives_the_process
                silence_begins_anew_when_somebody_listens_again
                the_bell_rings_for_batches
                a_refused_seal_leaves_the_batch_as_it_was
                what_is_gathered_without_a_verdict_is_refused
                receipts_are_found_by_the_route_of_their_batch
                retention_keeps_what_waits
                a_batch_goes_with_the_last_of_its_receipts;
            deferrals:
                a_deferred_receipt_is_read_back_as_it_was_written
                a_deferred_receipt_is_given_to_one_at_a_time
                later_changes_wait_behind_a_place_that_is_held
                a_place_that_is_let_go_lets_its_lane_go_on
                what_stays_deferred_is_due_again_and_keeps_its_place
                all_messages_of_a_route_take_its_place
                a_place_is_held_in_the_order_of_events
                an_earlier_delivery_does_not_wait_for_a_held_place
                a_delivery_for_another_lane_goes_to_its_end
                a_lost_lease_resolves_nothing
                a_replay_takes_the_place_of_a_deferral
                a_replay_holds_and_frees_places_too
                a_receipt_that_cannot_be_resolved_waits_for_a_replay
                a_failure_that_was_told_is_not_told_again
                a_resolved_change_that_is_out_of_date_is_superseded
                what_is_resolved_may_be_gathered
                held_places_are_seen_nowhere
                held_places_outlive_the_process
                the_bell_rings_for_what_is_deferred
                retention_keeps_what_is_deferred;
            ledger:
                every_event_is_in_exactly_one_line
                an_event_with_several_deliveries_follows_the_rule
                any_sequence_of_operations_agrees_with_the_model;
        }
    };
    (@ $backend:ty; $($module:ident: $($case:ident)*;)*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                crate::store_suite::$module::$case::<$backend>().await;
            })*
        })*
    };
}
pub(crate) use store_suite;
