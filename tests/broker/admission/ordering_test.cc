// Every reason for which a batch, or a recipient of a leaf, is refused by its place in the log.
#include "broker/admission/ordering.h"

#include "tests/support/matchers.h"
#include "tests/support/test_exchange.h"

namespace keruen::admission {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class Ordering : public ::testing::Test {
 protected:
  Ordering() : exchange_({"kz.border-guard", "kz.customs", "kz.prosecutor"}) {
    exchange_.learn_founding();
    next_ = LogIndex{exchange_.directory().lines().size()};
  }

  // As if the broker had logged it at the next index.
  void log(const TestRecord& record) {
    exchange_.learn(exchange_.line_of(record, next_), record);
    next_ = next_.next();
  }
  Verdict judged(const TestBatch& batch) {
    ensure(batch.verified != nullptr, "the batch verifies");
    const std::function<Result<Digest>(TreeSize)> root_at = [this](TreeSize) -> Result<Digest> {
      return root_;
    };
    return judge(*batch.verified, {exchange_.directory(), chains_, quota_, root_at},
                 {next_, exchange_.clock().wall()});
  }
  // Judged and, when admitted, counted as logged.
  Verdict taken(const TestBatch& batch) {
    auto verdict = judged(batch);
    if (std::holds_alternative<Admitted>(verdict)) {
      const wire::Statement& statement = batch.verified->statement;
      chains_.set_head(statement.sender,
                       {statement.stream, statement.sequence, batch.verified->hash});
      next_ = next_.next();
    }
    return verdict;
  }
  static std::optional<ErrorCode> refusal(const Verdict& verdict) {
    const auto* refused = std::get_if<Refused>(&verdict);
    return refused ? std::optional(refused->error.code) : std::nullopt;
  }
  static std::vector<wire::Refusal> refusals(const Verdict& verdict) {
    const auto* admitted = std::get_if<Admitted>(&verdict);
    ensure(admitted != nullptr, "the batch is admitted");
    return admitted->refusals;
  }

  TestExchange exchange_;
  Chains chains_;
  Quota quota_;
  Digest root_;
  LogIndex next_;
};

const std::vector<TestMessage> kOneNotice = {{{"kz.customs"}}};

TEST_F(Ordering, AdmitsAnHonestBatch) {
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_THAT(refusals(taken(exchange_.messages(stream, kOneNotice))), IsEmpty());
  EXPECT_THAT(refusals(taken(exchange_.messages(stream, kOneNotice))), IsEmpty());
}

// ---- chains ----

TEST_F(Ordering, RefusesAGapInTheChain) {
  auto stream = exchange_.open_stream("kz.border-guard");
  static_cast<void>(taken(exchange_.messages(stream, kOneNotice)));
  static_cast<void>(exchange_.messages(stream, kOneNotice));
  EXPECT_EQ(refusal(judged(exchange_.messages(stream, kOneNotice))), ErrorCode::out_of_sequence);
}

TEST_F(Ordering, RefusesAnUnknownStreamThatDoesNotBeginAtOne) {
  auto stream = exchange_.open_stream("kz.border-guard");
  static_cast<void>(exchange_.messages(stream, kOneNotice));
  EXPECT_EQ(refusal(judged(exchange_.messages(stream, kOneNotice))), ErrorCode::out_of_sequence);
}

TEST_F(Ordering, RefusesABatchThatFollowsAnother) {
  auto stream = exchange_.open_stream("kz.border-guard");
  auto copied = stream;
  static_cast<void>(taken(exchange_.messages(stream, kOneNotice)));
  static_cast<void>(exchange_.messages(copied, {{{"kz.prosecutor"}}}));
  EXPECT_EQ(refusal(judged(exchange_.messages(copied, kOneNotice))), ErrorCode::chain_fork);
}

TEST_F(Ordering, LeavesWhatIsBehindTheHeadToTheLog) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto first = exchange_.messages(stream, kOneNotice);
  static_cast<void>(taken(first));
  EXPECT_TRUE(std::holds_alternative<Past>(judged(first)));
  static_cast<void>(taken(exchange_.messages(stream, kOneNotice)));
  EXPECT_TRUE(std::holds_alternative<Past>(judged(first)));
}

TEST_F(Ordering, RefusesMoreNewStreamsThanADayHas) {
  const Day today = day_of(exchange_.clock().wall());
  const AgencyId guard = agency_named("kz.border-guard");
  for (std::size_t i = 0; i + 1 < kNewStreamsPerDayMax; ++i) quota_.add_stream(guard, today);
  auto last = exchange_.open_stream("kz.border-guard");
  EXPECT_EQ(refusal(judged(exchange_.messages(last, kOneNotice))), std::nullopt);
  quota_.add_stream(guard, today);
  auto over = exchange_.open_stream("kz.border-guard");
  EXPECT_EQ(refusal(judged(exchange_.messages(over, kOneNotice))), ErrorCode::overloaded);
  auto other = exchange_.open_stream("kz.customs");
  EXPECT_EQ(refusal(judged(exchange_.messages(other, {{{"kz.prosecutor"}}}))), std::nullopt);
}

// ---- keys, clocks, sender ----

TEST_F(Ordering, RefusesAKeyThatWasNeverDelegated) {
  static_cast<void>(exchange_.delegate_new_signing_key(exchange_.agency("kz.border-guard")));
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_EQ(refusal(judged(exchange_.messages(stream, kOneNotice))), ErrorCode::not_found);
}

TEST_F(Ordering, TakesANewKeyOnlyAfterItsDelegationWasLogged) {
  const auto record = exchange_.delegate_new_signing_key(exchange_.agency("kz.border-guard"));
  auto stream = exchange_.open_stream("kz.border-guard");
  log(record);
  const auto batch = exchange_.messages(stream, kOneNotice);
  EXPECT_EQ(refusal(judged(batch)), std::nullopt);
  next_ = LogIndex{next_.value - 1};
  EXPECT_EQ(refusal(judged(batch)), ErrorCode::not_found);
}

TEST_F(Ordering, RefusesARevokedKeyFromItsRevocationOn) {
  auto& guard = exchange_.agency("kz.border-guard");
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_EQ(refusal(taken(exchange_.messages(stream, kOneNotice))), std::nullopt);
  log(exchange_.revoke(guard, guard.signing.id()));
  EXPECT_EQ(refusal(judged(exchange_.messages(stream, kOneNotice))), ErrorCode::denied);
}

TEST_F(Ordering, RefusesAnExpiredSigningKey) {
  exchange_.clock().advance(kSigningKeyLife - milliseconds{1});
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, kOneNotice);
  EXPECT_EQ(refusal(judged(batch)), std::nullopt);
  exchange_.clock().advance(milliseconds{1});
  EXPECT_EQ(refusal(judged(batch)), ErrorCode::expired);
}

TEST_F(Ordering, RefusesAStatementFromTheFuture) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const WallTime now = exchange_.clock().wall();
  auto early = stream;
  EXPECT_EQ(refusal(judged(exchange_.messages(
                early, kOneNotice,
                [&](wire::Statement& statement) { statement.created_at = now + kClockAheadMax; }))),
            std::nullopt);
  EXPECT_EQ(refusal(judged(exchange_.messages(stream, kOneNotice,
                                              [&](wire::Statement& statement) {
                                                statement.created_at =
                                                    now + kClockAheadMax + milliseconds{1};
                                              }))),
            ErrorCode::expired);
}

TEST_F(Ordering, RefusesASuspendedSender) {
  exchange_.agency("kz.border-guard").status = wire::AgencyStatus::suspended;
  log(exchange_.next_registry());
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_EQ(refusal(judged(exchange_.messages(stream, kOneNotice))), ErrorCode::denied);
}

TEST_F(Ordering, RefusesASenderThatIsNoLongerListed) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, kOneNotice);
  exchange_.agencies().pop_front();
  log(exchange_.next_registry());
  EXPECT_EQ(refusal(judged(batch)), ErrorCode::unknown_agency);
}

// ---- what the sender has seen ----

TEST_F(Ordering, RefusesAStatementThatHasSeenMoreOfTheDirectory) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, kOneNotice, [](wire::Statement& statement) {
    statement.directory.count = statement.directory.count.next();
  });
  EXPECT_EQ(refusal(judged(batch)), ErrorCode::out_of_sequence);
}

TEST_F(Ordering, RefusesAStatementThatHasSeenAnotherDirectory) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, kOneNotice, [](wire::Statement& statement) {
    statement.directory.head.bytes[0] ^= 1;
  });
  EXPECT_EQ(refusal(judged(batch)), ErrorCode::chain_fork);
}

TEST_F(Ordering, TakesAStatementThatHasSeenLessOfTheDirectory) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, kOneNotice, [&](wire::Statement& statement) {
    statement.directory = {DirectoryCount{1}, *exchange_.directory().head_at(DirectoryCount{1})};
  });
  EXPECT_EQ(refusal(judged(batch)), std::nullopt);
}

TEST_F(Ordering, RefusesAStatementThatHasSeenALongerLog) {
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, kOneNotice, [&](wire::Statement& statement) {
    statement.checkpoint_seen.size = TreeSize{next_.value + 1};
  });
  EXPECT_EQ(refusal(judged(batch)), ErrorCode::chain_fork);
}

TEST_F(Ordering, RefusesAStatementThatHasSeenAnotherLog) {
  auto stream = exchange_.open_stream("kz.border-guard");
  auto copied = stream;
  const auto seen = [&](wire::Statement& statement) {
    statement.checkpoint_seen.size = TreeSize{2};
    statement.checkpoint_seen.root.bytes.fill(9);
  };
  EXPECT_EQ(refusal(judged(exchange_.messages(stream, kOneNotice, seen))), ErrorCode::chain_fork);
  root_.bytes.fill(9);
  EXPECT_EQ(refusal(judged(exchange_.messages(copied, kOneNotice, seen))), std::nullopt);
}

// ---- for each leaf and recipient ----

TEST_F(Ordering, RefusesOnlyTheRecipientNobodyKnows) {
  exchange_.admit("kg.customs");
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch =
      exchange_.messages(stream, {{{"kz.customs", "kg.customs"}}, {{"kz.prosecutor"}}});
  EXPECT_THAT(refusals(judged(batch)), ElementsAre(wire::Refusal{0, 1, ErrorCode::unknown_agency}));
}

TEST_F(Ordering, RefusesOnlyTheKindNoRuleAllows) {
  auto draft = exchange_.registry_draft();
  draft.rules = {{party_named("kz.border-guard"), party_named("kz.all"), {MessageKind::notice}}};
  log(exchange_.sign_registry(draft));
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch =
      exchange_.messages(stream, {{{"kz.customs"}}, {{"kz.customs"}, "x", MessageKind::schedule}});
  EXPECT_THAT(refusals(judged(batch)), ElementsAre(wire::Refusal{1, 0, ErrorCode::denied}));
  auto back = exchange_.open_stream("kz.customs");
  const auto answer = exchange_.messages(
      back, {{{"kz.border-guard"}}, {{"kz.border-guard"}, "read", MessageKind::receipt}});
  EXPECT_THAT(refusals(judged(answer)), ElementsAre(wire::Refusal{0, 0, ErrorCode::denied}));
}

TEST_F(Ordering, RefusesASuspendedRecipient) {
  exchange_.agency("kz.customs").status = wire::AgencyStatus::suspended;
  log(exchange_.next_registry());
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, {{{"kz.customs", "kz.prosecutor"}}});
  EXPECT_THAT(refusals(judged(batch)), ElementsAre(wire::Refusal{0, 0, ErrorCode::denied}));
}

TEST_F(Ordering, RefusesAnExpiredMessageForAllItsRecipients) {
  auto stream = exchange_.open_stream("kz.border-guard");
  TestMessage brief{{"kz.customs", "kz.prosecutor"}};
  brief.expires_at = exchange_.clock().wall() + minutes{1};
  const auto batch = exchange_.messages(stream, {brief, kOneNotice.front()});
  EXPECT_THAT(refusals(judged(batch)), IsEmpty());
  exchange_.clock().advance(minutes{1});
  EXPECT_THAT(refusals(judged(batch)), ElementsAre(wire::Refusal{0, 0, ErrorCode::expired},
                                                   wire::Refusal{0, 1, ErrorCode::expired}));
}

TEST_F(Ordering, RefusesAMessageFromTheFuture) {
  auto stream = exchange_.open_stream("kz.border-guard");
  TestMessage early{{"kz.customs"}};
  early.created_at = exchange_.clock().wall() + kClockAheadMax + milliseconds{1};
  EXPECT_THAT(refusals(judged(exchange_.messages(stream, {early}))),
              ElementsAre(wire::Refusal{0, 0, ErrorCode::expired}));
}

TEST_F(Ordering, RefusesMessagesButNoReceiptsUnderAnExpiredRegistry) {
  exchange_.clock().advance(kRegistryLife);
  for (const char* id : {"kz.border-guard", "kz.customs"}) {
    log(exchange_.state_new_prekey(exchange_.agency(id), exchange_.clock().wall()));
  }
  auto stream = exchange_.open_stream("kz.border-guard");
  const auto batch = exchange_.messages(stream, kOneNotice);
  EXPECT_THAT(refusals(judged(batch)), ElementsAre(wire::Refusal{0, 0, ErrorCode::expired}));
  auto back = exchange_.open_stream("kz.customs");
  const auto receipt = exchange_.receipts(back, {{"kz.border-guard", batch.signed_batch.hash}});
  EXPECT_THAT(refusals(judged(receipt)), IsEmpty());
}

TEST_F(Ordering, RefusesAPrekeyThatWasNeverLogged) {
  static_cast<void>(
      exchange_.state_new_prekey(exchange_.agency("kz.customs"), exchange_.clock().wall()));
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_THAT(refusals(judged(exchange_.messages(stream, {{{"kz.prosecutor", "kz.customs"}}}))),
              ElementsAre(wire::Refusal{0, 1, ErrorCode::not_found}));
}

TEST_F(Ordering, RefusesARevokedPrekey) {
  auto& customs = exchange_.agency("kz.customs");
  log(exchange_.revoke(customs, customs.prekey.id()));
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_THAT(refusals(judged(exchange_.messages(stream, kOneNotice))),
              ElementsAre(wire::Refusal{0, 0, ErrorCode::not_found}));
}

TEST_F(Ordering, RefusesAPrekeyWhoseSignerIsRevoked) {
  auto& customs = exchange_.agency("kz.customs");
  log(exchange_.revoke(customs, customs.signing.id()));
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_THAT(refusals(judged(exchange_.messages(stream, kOneNotice))),
              ElementsAre(wire::Refusal{0, 0, ErrorCode::not_found}));
}

TEST_F(Ordering, RefusesAPrekeyWhoseWindowDoesNotHoldTheSealing) {
  exchange_.clock().advance(kPrekeyWindow - kPrekeyEarly - milliseconds{1});
  auto stream = exchange_.open_stream("kz.border-guard");
  EXPECT_THAT(refusals(taken(exchange_.messages(stream, kOneNotice))), IsEmpty());
  exchange_.clock().advance(milliseconds{1});
  EXPECT_THAT(refusals(judged(exchange_.messages(stream, kOneNotice))),
              ElementsAre(wire::Refusal{0, 0, ErrorCode::not_found}));
}

TEST_F(Ordering, TakesABatchSealedBeforeALongOutage) {
  auto stream = exchange_.open_stream("kz.border-guard");
  TestMessage patient{{"kz.customs"}};
  patient.expires_at = exchange_.clock().wall() + hours{20 * 24};
  const auto batch = exchange_.messages(stream, {patient});
  exchange_.clock().advance(hours{10 * 24});
  EXPECT_THAT(refusals(judged(batch)), IsEmpty());
}

TEST_F(Ordering, RefusesReceiptsToWhomNoMessageMayComeFrom) {
  exchange_.admit("kg.customs");
  auto draft = exchange_.registry_draft();
  draft.rules = {
      {party_named("kz.border-guard"), party_named("kz.customs"), {MessageKind::notice}}};
  draft.groups.clear();
  exchange_.agencies().pop_back();
  log(exchange_.sign_registry(draft));
  auto stream = exchange_.open_stream("kz.customs");
  const auto batch = exchange_.receipts(
      stream, {{"kz.border-guard", {}}, {"kz.prosecutor", {}}, {"kg.customs", {}}});
  EXPECT_THAT(refusals(judged(batch)), ElementsAre(wire::Refusal{1, 0, ErrorCode::denied},
                                                   wire::Refusal{2, 0, ErrorCode::unknown_agency}));
}

}  // namespace
}  // namespace keruen::admission
