//! The defects, each with the case that has to notice it.

/// Declares the defects; each names what is broken and the case that must fail.
macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident => $case:literal,)+) => {
        /// One way to be wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Defect {
            $($(#[$doc])* $name,)+
        }

        impl Defect {
            /// Every defect.
            pub(super) const ALL: &[Self] = &[$(Self::$name,)+];

            /// The case that must notice it.
            pub(super) fn case(self) -> &'static str {
                match self {
                    $(Self::$name => $case,)+
                }
            }
        }
    };
}

defects! {
    /// `info` names another port.
    NamesAnotherPort => "roster/names_its_port",
    /// A tenant that was never enrolled has a roster.
    InventsRosters => "roster/is_none_before_enrolling",
    /// Enrolling drops each actor's last permission.
    LosesAPermission => "roster/reads_back_as_enrolled",
    /// Enrolling again starts an empty history.
    EnrollingForgetsRecords => "roster/enrolls_twice_like_once",
    /// A later roster is ignored.
    KeepsTheFirstRoster => "roster/changes_and_adds_actors",
    /// A smaller roster removes actors.
    ReplacesRosters => "roster/never_loses_an_actor",
    /// A tenant needs an actor.
    RefusesRostersWithoutActors => "roster/allows_a_tenant_without_actors",
    /// The context's tenant is not compared with the roster's.
    EnrollsAnyTenant => "roster/refuses_another_tenant",
    /// Tenants come in descending order.
    ListsTenantsBackwards => "roster/lists_tenants_in_order",

    /// An append reports places that are one too low.
    CountsPlacesFromZero => "append/starts_at_one",
    /// Each batch but the first leaves a gap before it.
    SkipsANumber => "append/continues_without_a_gap",
    /// One kind is written as another.
    MistakesAKind => "append/keeps_every_kind",
    /// An empty batch is an error.
    RefusesEmptyBatches => "append/accepts_an_empty_batch",
    /// The expected head is compared with the next number.
    MistakesTheHead => "append/accepts_the_right_head",
    /// An expected head that was passed is accepted.
    AcceptsOlderHeads => "append/refuses_a_head_that_is_too_low",
    /// An expected head that was never reached is accepted.
    AcceptsLaterHeads => "append/refuses_a_head_that_is_too_high",
    /// Appending enrolls the tenant.
    EnrollsByItself => "append/refuses_an_unknown_tenant",
    /// Actors are not looked up.
    AcceptsAnyActor => "append/refuses_an_unknown_actor",
    /// An id that a batch repeats is dropped silently.
    DropsRepeatedIds => "append/refuses_one_id_twice_in_a_batch",
    /// Reading orders by time.
    OrdersByTime => "append/ignores_times_when_ordering",
    /// A large batch is refused.
    RefusesLargeBatches => "append/takes_a_large_batch",

    /// A batch is written up to the record that is refused for its actor.
    WritesUpToABadActor => "atomic/undoes_a_batch_with_a_bad_actor_at_its_end",
    /// A batch is written up to the record that is refused for its id.
    WritesUpToATakenId => "atomic/undoes_a_batch_with_a_taken_id_at_its_end",
    /// A batch is written before its expected head is compared.
    WritesBeforeCheckingTheHead => "atomic/undoes_a_batch_with_a_wrong_head",
    /// A failed batch uses up sequence numbers.
    BurnsNumbers => "atomic/leaves_no_gap_after_a_failure",

    /// A replay is reported as written.
    HidesReplays => "idempotent/replays_the_same_batch",
    /// Only the last batch can be sent again.
    RemembersTheLastBatch => "idempotent/replays_an_older_batch",
    /// A replay with an old head is a conflict.
    ChecksTheHeadFirst => "idempotent/replays_whatever_head_is_expected",
    /// Records sent again in other batches are a conflict.
    RemembersWholeBatches => "idempotent/replays_records_that_were_batched_otherwise",
    /// Of a batch that is there in part the rest is written.
    WritesTheRestOfABatch => "idempotent/refuses_a_batch_that_is_there_in_part",
    /// A taken id may come with another payload.
    ComparesNoPayload => "idempotent/refuses_an_id_with_another_payload",
    /// A taken id may come with another kind.
    ComparesNoKind => "idempotent/refuses_an_id_with_another_kind",
    /// A taken id may come with another actor.
    ComparesNoActor => "idempotent/refuses_an_id_with_another_actor",
    /// A taken id may come with another time.
    ComparesNoTime => "idempotent/refuses_an_id_with_another_time",

    /// A history is read, extended and written back without a lock.
    LosesUpdates => "concurrent/appends_leave_no_gap_and_no_duplicate",
    /// The head may change between its check and the write.
    ChecksTheHeadTooEarly => "concurrent/appends_at_one_head_have_one_winner",
    /// The batch may arrive between the look-up of its ids and the write.
    ChecksReplaysTooEarly => "concurrent/appends_of_one_batch_write_it_once",
    /// The tenant is set on a connection that others use meanwhile.
    SetsTheTenantForAll => "concurrent/tenants_do_not_disturb_each_other",
    /// The chunk may arrive between its check and the write.
    ImportsTooEarly => "concurrent/imports_of_one_chunk_write_it_once",
    /// Two who enroll a new tenant at once get in each other's way.
    EnrollsTooEarly => "concurrent/enrolling_at_once_succeeds",
    /// A batch is written in two steps that others can look between.
    WritesInTwoSteps => "concurrent/readers_see_whole_batches",
    /// A caller who gives up leaves the first half of a batch.
    LeavesHalfABatch => "concurrent/a_call_given_up_leaves_whole_batches",

    /// Events do not name the request.
    ForgetsTheRequest => "audit/names_the_caller_and_the_request",
    /// The engine's appends leave no event.
    TrustsTheEngine => "audit/names_each_actor_when_the_engine_appends",
    /// Only the last append has an event.
    KeepsTheLastEvent => "audit/tells_of_every_append_in_order",
    /// The event is written before the batch is judged.
    WritesEventsFirst => "audit/keeps_no_event_of_what_was_refused",
    /// Each replay is an event.
    TellsOfReplays => "audit/keeps_no_second_event_of_a_replay",
    /// Nobody asks whether the caller is an actor.
    TakesAnyCaller => "audit/refuses_a_caller_never_enrolled",
    /// The trail holds every tenant's events.
    MixesTrails => "audit/is_of_one_tenant",
    /// The trail always starts at its beginning.
    TurnsNoPage => "audit/is_given_page_by_page",
    /// Events are gone after opening again.
    ForgetsEvents => "audit/outlives_the_process",

    /// Looking up a record panics.
    PanicsWhenAsked => "read/finds_each_record_by_id",
    /// The index of ids holds the first batch only.
    FindsEarlyRecordsOnly => "read/finds_each_record_by_id",
    /// Ids are matched without case and with wildcards.
    FindsByPattern => "read/knows_no_absent_record",
    /// An empty history has no head.
    HasNoHeadWhenEmpty => "read/gives_an_empty_history",
    /// A record is lost at each edge of a batch.
    LosesRecordsBetweenBatches => "read/gives_everything_in_order",
    /// A stream ends with an empty batch.
    GivesEmptyBatches => "read/gives_everything_in_order",
    /// Reading after a record gives that record too.
    IncludesTheStart => "read/starts_after_a_record",
    /// A start beyond a signed integer is an error.
    FailsOnLargeNumbers => "read/gives_nothing_past_the_end",
    /// A reader sees what is appended while it reads.
    ReadsLazily => "read/is_a_view_of_the_moment",
    /// All readers share one position.
    SharesOneCursor => "read/serves_two_readers",
    /// A reader that stops early keeps its connection.
    LeaksReaders => "read/survives_readers_that_stop_early",

    /// Ids are normalised.
    NormalisesIds => "content/keeps_unicode_ids_apart",
    /// Ids are cut after 63 characters.
    CutsLongIds => "content/keeps_awkward_ids_apart",
    /// Text is normalised.
    NormalisesText => "content/keeps_unicode_text",
    /// A very small number becomes zero.
    RoundsTinyNumbers => "content/keeps_numbers",
    /// A control character is dropped.
    DropsControlCharacters => "content/keeps_escapes",
    /// A member that is null is dropped.
    DropsNulls => "content/keeps_structure",
    /// Times are cut to milliseconds.
    DropsMicroseconds => "content/keeps_times_to_the_microsecond",
    /// A payload of a megabyte is refused.
    RefusesAMegabyte => "content/keeps_a_payload_of_one_megabyte",
    /// The last letter of a long payload is lost.
    CutsLongPayloads => "content/keeps_a_payload_of_one_megabyte",
    /// A payload of two megabytes is refused.
    RefusesTwoMegabytes => "content/keeps_the_largest_payload",

    /// A record is found by another tenant.
    FindsInAnyTenant => "isolation/another_tenants_id_is_absent",
    /// An id is taken for all tenants.
    SharesIds => "isolation/one_id_names_a_record_in_each_tenant",
    /// The head counts every tenant's records.
    CountsAllTenants => "isolation/heads_count_one_tenant",
    /// Reading gives every tenant's records.
    ReadsAllTenants => "isolation/reads_give_one_tenant",
    /// A roster holds every tenant's actors.
    MixesRosters => "isolation/rosters_are_of_one_tenant",
    /// The expected head is that of all tenants together.
    SharesHeads => "isolation/heads_are_expected_of_one_tenant",
    /// A batch that another tenant has is a replay.
    SharesReplays => "isolation/replays_are_found_in_one_tenant",
    /// Another tenant's actor may append.
    SharesActors => "isolation/another_tenants_actor_is_unknown",
    /// Tenants are compared without case.
    FoldsTheCaseOfTenants => "isolation/look_alike_tenants_are_kept_apart",
    /// Tenants are normalised.
    NormalisesTenants => "isolation/look_alike_tenants_are_kept_apart",
    /// Tenants are cut after 199 characters.
    CutsLongTenants => "isolation/look_alike_tenants_are_kept_apart",

    /// The last record is not exported.
    ExportLosesTheLastRecord => "export/equals_what_was_written",
    /// Tenants are exported in descending order.
    ExportsBackwards => "export/orders_tenants_however_they_are_asked",
    /// Tenants that were not asked for are exported.
    ExportsEverybody => "export/leaves_out_tenants_not_asked_for",
    /// A tenant without records is not exported.
    LeavesOutTenantsWithoutRecords => "export/gives_a_tenant_without_records",
    /// A tenant that was never enrolled is skipped silently.
    SkipsUnknownTenants => "export/refuses_an_unknown_tenant",
    /// An export sees what is appended while it is drained.
    ExportsLazily => "export/is_a_copy_of_the_moment",
    /// Each tenant is exported as of another moment.
    ExportsTenantByTenant => "export/cuts_all_tenants_at_one_moment",
    /// Exporting normalises text.
    ExportNormalisesText => "export/keeps_content",

    /// The last record of a chunk is lost.
    ImportLosesTheLastRecord => "import/writes_a_chunk",
    /// An empty chunk reports 0.
    ReportsNothing => "import/reports_where_things_stand",
    /// Later chunks are ignored.
    ImportsOneChunkOnly => "import/goes_on_where_it_ended",
    /// A chunk that is there in part is refused.
    RefusesOverlaps => "import/skips_equal_records",
    /// Records that were appended are never equal.
    RefusesAppendedHistories => "import/skips_equal_records_that_were_appended",
    /// Records that are there are skipped without being compared.
    SkipsByNumber => "import/refuses_a_record_that_differs",
    /// A chunk may leave a gap before it.
    ImportsGaps => "import/refuses_a_gap_before_the_chunk",
    /// Records of a chunk get consecutive numbers.
    Renumbers => "import/refuses_a_gap_inside_the_chunk",
    /// Chunks of several snapshots are mixed.
    IgnoresTheSnapshot => "import/refuses_another_snapshot",
    /// Another tenant's record is given to the caller.
    AdoptsForeignRecords => "import/refuses_another_tenants_record",
    /// One id is written at two places.
    ImportsIdsTwice => "import/refuses_an_id_at_a_second_place",
    /// Importing enrolls the tenant.
    ImportsWithoutEnrolling => "import/refuses_a_tenant_never_enrolled",
    /// Appending does not know what was imported.
    ImportLeavesTheIndex => "import/appending_goes_on_after_it",
    /// Importing cuts times to milliseconds.
    ImportDropsMicroseconds => "import/equals_the_export",
    /// Importing normalises text.
    ImportNormalisesText => "import/keeps_content",
    /// All tenants are held to one snapshot.
    SharesTheSnapshot => "import/keeps_snapshots_of_tenants_apart",
    /// A large chunk is refused.
    RefusesLargeChunks => "import/takes_a_large_chunk",

    /// A frozen tenant can be appended to.
    AppendsWhileFrozen => "fence/refuses_appends",
    /// A frozen tenant answers a replay.
    ReplaysWhileFrozen => "fence/refuses_appends",
    /// A frozen tenant can be enrolled.
    EnrollsWhileFrozen => "fence/refuses_enrolling",
    /// A frozen tenant can be imported into.
    ImportsWhileFrozen => "fence/refuses_imports",
    /// A call that writes nothing is refused too.
    RefusesEmptyCalls => "fence/answers_calls_that_write_nothing",
    /// A frozen tenant cannot be read.
    FreezesReads => "fence/leaves_reads_alone",
    /// A window holds back every tenant.
    FreezesEveryTenant => "fence/leaves_other_tenants_alone",
    /// Whoever raised a window is refused as well.
    FreezesItsRaiser => "fence/lets_the_raisers_own_writes_pass",
    /// Any call that names a window passes.
    TrustsAnyWindow => "fence/lets_the_raisers_own_writes_pass",
    /// A window that has expired still refuses.
    IgnoresTheEnd => "fence/ends_by_itself",
    /// Lifting does nothing.
    LiftsNothing => "fence/ends_when_lifted",
    /// Lifting lifts whatever is in force.
    LiftsAnyWindow => "fence/lifts_no_window_of_another_id",
    /// A second window takes the first one's place.
    ReplacesWindows => "fence/refuses_a_second_window",
    /// A window is raised tenant by tenant until one is refused.
    RaisesTenantByTenant => "fence/raises_for_all_or_none",
    /// Raising again leaves the end where it was.
    KeepsTheFirstEnd => "fence/moves_the_end_of_a_window",
    /// A window that is over is accepted.
    RaisesWhatIsOver => "fence/refuses_a_window_that_is_over",
    /// A lifted window can be raised again, or so it says.
    ReusesIds => "fence/keeps_an_id_for_one_window",
    /// A writer asks for windows before its turn and not in it.
    LooksForWindowsTooEarly => "fence/waits_for_writers_at_work",
    /// Refusals are not counted.
    CountsNoRefusals => "fence/counts_what_it_refused",
    /// Windows are gone after opening again.
    ForgetsWindows => "fence/outlives_the_process",

    /// An actor is gone after opening again.
    ForgetsActors => "durable/rosters",
    /// The last record is gone after opening again.
    ForgetsTheLastRecord => "durable/records",
    /// Everything is gone after opening again.
    ForgetsEverything => "durable/each_append",
    /// Text is normalised when the store is opened.
    NormalisesWhenOpened => "durable/content",
    /// Ids are not known after opening again.
    ForgetsIds => "durable/replays",
    /// The imported snapshot is not known after opening again.
    ForgetsSnapshots => "durable/imports",
    /// Refused records come back after opening again.
    ReplaysRefusedBatches => "durable/refusals",

    /// A table is listed twice.
    ListsATableTwice => "read_back/lists_known_tables",
    /// The row of a tenant bears its id as its name.
    ShowsNoTenantName => "read_back/gives_tenants",
    /// Rows of users lack a permission.
    ShowsNoPermissions => "read_back/gives_users",
    /// The last record is not read back.
    ViewLosesTheLastRow => "read_back/gives_records",
    /// A projected amount loses its last zero.
    NormalisesDecimals => "read_back/gives_projections",
    /// A table is counted with one row too few.
    CountsTooFew => "read_back/counts_every_row",
    /// Rows after a row include that row.
    RowsIncludeTheStart => "read_back/starts_after_a_row",
    /// A view that claims to be complete hides a tenant.
    HidesUnlistedTenants => "read_back/shows_tenants_nobody_listed",
    /// A view is incomplete without saying why.
    ExcusesNothing => "read_back/shows_tenants_nobody_listed",
    /// A view sees what is appended while it is open.
    ViewsAreLive => "read_back/is_one_view",
    /// Reading back normalises text.
    ViewNormalisesText => "read_back/keeps_content",

    /// Reading ends after 2,600 records.
    StopsAfterManyRecords => "scale/many_records",
}
