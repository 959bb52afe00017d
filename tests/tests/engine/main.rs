//! Goal: apps on a real Kafka do what they promise: nothing lost, nothing twice, state restored,
//! clear errors where they cannot go on. Method: small programs in this process, against a Kafka of
//! this machine; input written by our producer, output read back committed.

#![allow(clippy::indexing_slicing, reason = "out of bounds is a failed test")]

mod bad_input;
mod changes;
mod commits;
mod failures;
mod folders;
mod internals;
mod lifecycle;
mod machine;
mod many_tasks;
mod membership;
mod outcomes;
mod permissions;
mod refusals;
mod seeing;
mod strangers;
mod support;
mod takeovers;
mod wire;
mod zombies;

use std::process::ExitCode;

use thalweg_tests::brokers::Tests;

fn main() -> ExitCode {
    let tests = zombies::tests(Tests::new());
    let tests = outcomes::tests(tests);
    let tests = takeovers::tests(tests);
    let tests = bad_input::tests(tests);
    let tests = lifecycle::tests(tests);
    let tests = folders::tests(tests);
    let tests = strangers::tests(tests);
    let tests = permissions::tests(tests);
    let tests = internals::tests(tests);
    let tests = changes::tests(tests);
    tests
        .test("a_copy_to_the_end_of_the_input_is_exact", async |kafka| {
            commits::a_copy_to_the_end_of_the_input_is_exact(&kafka).await;
        })
        .test(
            "a_restart_goes_on_where_the_last_commit_was",
            async |kafka| {
                commits::a_restart_goes_on_where_the_last_commit_was(&kafka).await;
            },
        )
        .test("counts_go_on_from_their_changelog", async |kafka| {
            commits::counts_go_on_from_their_changelog(&kafka).await;
        })
        .test(
            "words_are_counted_through_a_repartition_topic",
            async |kafka| {
                commits::words_are_counted_through_a_repartition_topic(&kafka).await;
            },
        )
        .test(
            "at_least_once_writes_everything_without_transactions",
            async |kafka| {
                commits::at_least_once_writes_everything_without_transactions(&kafka).await;
            },
        )
        .test(
            "the_end_is_reached_past_markers_and_aborted_records",
            async |kafka| {
                commits::the_end_is_reached_past_markers_and_aborted_records(&kafka).await;
            },
        )
        .test(
            "e3_a_hanging_transaction_holds_a_takeover_up_until_it_ends",
            async |kafka| {
                membership::e3_a_hanging_transaction_holds_a_takeover_up_until_it_ends(&kafka)
                    .await;
            },
        )
        .test(
            "e4_a_copied_state_folder_is_an_id_in_use_twice",
            async |kafka| {
                membership::e4_a_copied_state_folder_is_an_id_in_use_twice(&kafka).await;
            },
        )
        .test(
            "e5_instances_that_come_and_go_lose_and_repeat_nothing",
            async |kafka| {
                membership::e5_instances_that_come_and_go_lose_and_repeat_nothing(&kafka).await;
            },
        )
        .test(
            "user_code_that_blocks_does_not_cost_the_membership",
            async |kafka| {
                membership::user_code_that_blocks_does_not_cost_the_membership(&kafka).await;
            },
        )
        .test("a_topic_that_does_not_exist_is_named", async |kafka| {
            failures::a_topic_that_does_not_exist_is_named(&kafka).await;
        })
        .test("no_broker_is_an_error_and_not_a_hang", async |kafka| {
            failures::no_broker_is_an_error_and_not_a_hang(&kafka).await;
        })
        .test("a_state_folder_in_use_is_refused", async |kafka| {
            failures::a_state_folder_in_use_is_refused(&kafka).await;
        })
        .test("a_changelog_that_was_deleted_stops", async |kafka| {
            failures::a_changelog_that_was_deleted_stops(&kafka).await;
        })
        .test(
            "offsets_that_were_deleted_under_state_stop",
            async |kafka| {
                failures::offsets_that_were_deleted_under_state_stop(&kafka).await;
            },
        )
        .test("a_source_that_was_made_anew_stops", async |kafka| {
            failures::a_source_that_was_made_anew_stops(&kafka).await;
        })
        .test(
            "a_committed_offset_out_of_range_stops_or_follows_the_policy",
            async |kafka| {
                failures::a_committed_offset_out_of_range_stops_or_follows_the_policy(&kafka).await;
            },
        )
        .test("a_partition_added_under_state_stops", async |kafka| {
            failures::a_partition_added_under_state_stops(&kafka).await;
        })
        .test("offsets_of_another_program_stop", async |kafka| {
            failures::offsets_of_another_program_stop(&kafka).await;
        })
        .test(
            "another_definition_of_an_operator_is_named",
            async |kafka| {
                failures::another_definition_of_an_operator_is_named(&kafka).await;
            },
        )
        .test(
            "a_bad_record_stops_with_its_place_and_commits_nothing_after_it",
            async |kafka| {
                failures::a_bad_record_stops_with_its_place_and_commits_nothing_after_it(&kafka)
                    .await;
            },
        )
        .test(
            "a_panic_in_user_code_is_an_error_of_its_worker",
            async |kafka| {
                failures::a_panic_in_user_code_is_an_error_of_its_worker(&kafka).await;
            },
        )
        .test(
            "a_record_larger_than_its_topic_takes_follows_the_policy",
            async |kafka| {
                refusals::a_record_larger_than_its_topic_takes_follows_the_policy(&kafka).await;
            },
        )
        .test(
            "a_limit_lowered_while_it_runs_leaves_out_just_what_is_too_large",
            async |kafka| {
                refusals::a_limit_lowered_while_it_runs_leaves_out_just_what_is_too_large(&kafka)
                    .await;
            },
        )
        .test(
            "a_limit_lowered_while_it_runs_stops_a_strict_sink",
            async |kafka| {
                refusals::a_limit_lowered_while_it_runs_stops_a_strict_sink(&kafka).await;
            },
        )
        .test(
            "a_timestamp_the_broker_refuses_follows_the_policy",
            async |kafka| {
                refusals::a_timestamp_the_broker_refuses_follows_the_policy(&kafka).await;
            },
        )
        .test(
            "records_refused_one_by_one_are_left_out_one_by_one",
            async |kafka| {
                refusals::records_refused_one_by_one_are_left_out_one_by_one(&kafka).await;
            },
        )
        .test(
            "t4_the_time_of_very_many_upstream_tasks_goes_through_a_changelog",
            async |kafka| {
                many_tasks::t4_the_time_of_very_many_upstream_tasks_goes_through_a_changelog(
                    &kafka,
                )
                .await;
            },
        )
        .test(
            "an_open_transaction_before_the_input_is_named_with_its_producer",
            async |kafka| {
                seeing::an_open_transaction_before_the_input_is_named_with_its_producer(&kafka)
                    .await;
            },
        )
        .test(
            "a_worker_stuck_in_user_code_shows_although_it_cannot_say_so",
            async |kafka| {
                seeing::a_worker_stuck_in_user_code_shows_although_it_cannot_say_so(&kafka).await;
            },
        )
        .test(
            "an_input_nothing_came_from_holds_everything_behind_it_back",
            async |kafka| {
                seeing::an_input_nothing_came_from_holds_everything_behind_it_back(&kafka).await;
            },
        )
        .test(
            "a_broker_that_does_not_answer_is_a_stall_and_then_over",
            async |kafka| {
                seeing::a_broker_that_does_not_answer_is_a_stall_and_then_over(&kafka).await;
            },
        )
        .run()
}
