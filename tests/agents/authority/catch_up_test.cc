// A state that was put back from an older backup: nothing is published from it, and nothing lost.
#include "agents/authority/catch_up.h"

#include "tests/agents/authority/desk_fixture.h"

namespace keruen::authority {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class CatchUpTest : public DeskTest {
 protected:
  // Two publications, and between them a backup that is put back after the second.
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(found());
    ASSERT_THAT(publish_now(), IsOk());
    backup_ = read("authority/authority.state");
    std::filesystem::copy_file(in("broker/registry.snapshot"), in("first.snapshot"));
    clock_.advance(std::chrono::hours(24));

    KERUEN_ASSERT_OK(const auto tax, make_agency("kz.tax", "tax"));
    ASSERT_THAT(admit_to_all(tax.request_file), IsOk());
    auto at = desk();
    ASSERT_THAT(set_status(at, in("authority"), customs_, wire::AgencyStatus::suspended), IsOk());
    const auto all = *PartyId::parse("kz.all");
    ASSERT_THAT(allow(at, {in("authority"), all, all, {MessageKind::notice}}), IsOk());
    ASSERT_THAT(make_operator(at, {in("authority"), *OperatorName::parse("duty"),
                                   wire::OperatorRole::monitor, in("admin.toml")}),
                IsOk());
    ASSERT_THAT(publish_now(), IsOk());
    newest_ = state();
    std::filesystem::copy_file(in("broker/registry.snapshot"), in("second.snapshot"));
    write("authority/authority.state", backup_);
  }
  [[nodiscard]] AuthorityState state() const {
    return *decode_state(read("authority/authority.state"), "authority.state");
  }
  [[nodiscard]] Result<CatchUpReport> catch_up_with(const std::string& file) {
    auto at = desk();
    return catch_up(at, {in("authority"), in(file)});
  }
  void remove_published() const {
    std::filesystem::remove(in("authority/out/registry.snapshot"));
    std::filesystem::remove(in("broker/registry.snapshot"));
  }

  const AgencyId customs_ = *AgencyId::parse("kz.customs");
  std::string backup_;
  AuthorityState newest_;
};

TEST_F(CatchUpTest, NothingIsPublishedWhereANewerRegistryLies) {
  const auto registry = read("broker/registry.snapshot");
  const auto is_refused =
      FailsWith(ErrorCode::out_of_sequence,
                AllOf(HasSubstr("is registry version 2"), HasSubstr("knows of is version 1"),
                      HasSubstr("keruen authority catch-up --dir " + in("authority"))));
  EXPECT_THAT(publish_now(), is_refused);
  std::filesystem::remove(in("authority/out/registry.snapshot"));
  EXPECT_THAT(publish_now(), is_refused);
  std::filesystem::rename(in("broker/registry.snapshot"), in("authority/out/registry.snapshot"));
  EXPECT_THAT(publish_now(), is_refused);
  EXPECT_EQ(read("authority/out/registry.snapshot"), registry);
  EXPECT_EQ(read("authority/authority.state"), backup_);
}

// Published from the backup on a machine where nothing of the exchange lies.
TEST_F(CatchUpTest, NothingIsPublishedBesideAnotherOfTheSameVersion) {
  remove_published();
  ASSERT_THAT(publish_now(), IsOk());
  std::filesystem::copy_file(in("second.snapshot"), in("broker/registry.snapshot"),
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(publish_now(), FailsWith(ErrorCode::out_of_sequence, HasSubstr("another version 2")));
  EXPECT_THAT(catch_up_with("second.snapshot"), IsOk());
  EXPECT_EQ(state().head, newest_.head);
  KERUEN_ASSERT_OK(const auto published, publish_now());
  EXPECT_EQ(published.version, RegistryVersion{3});
}

// The fork listed another identity; the registry that counts, the one before.
TEST_F(CatchUpTest, TheIdentityThatWasPublishedLastIsTheOneThatCounts) {
  remove_published();
  KERUEN_ASSERT_OK(const auto anew, make_agency("kz.customs", "customs-anew"));
  ASSERT_THAT(admit_to_all(anew.request_file), IsOk());
  ASSERT_THAT(publish_now(), IsOk());
  ASSERT_THAT(catch_up_with("second.snapshot"), IsOk());
  EXPECT_EQ(state().agencies, newest_.agencies);
  EXPECT_THAT(publish_now(), IsOk());
}

// No broker took what was signed by a clock a month ahead: it keeps nothing from being published.
TEST_F(CatchUpTest, ARegistryOfTheFutureIsNoNewerOne) {
  write("authority/authority.state", encode_state(newest_));
  clock_.set_wall_ahead(std::chrono::hours(30 * 24));
  ASSERT_THAT(publish_now(), IsOk());
  clock_.set_wall_ahead(-std::chrono::hours(30 * 24));
  write("authority/authority.state", encode_state(newest_));
  EXPECT_THAT(catch_up_with("broker/registry.snapshot"),
              FailsWith(ErrorCode::expired, HasSubstr("by a clock that was ahead")));
  EXPECT_THAT(publish_now(), IsOk());
}

TEST_F(CatchUpTest, WhatDoesNotReadIsReplaced) {
  write("authority/out/registry.snapshot", "damaged");
  write("broker/registry.snapshot", "damaged");
  EXPECT_THAT(publish_now(), IsOk());
}

TEST_F(CatchUpTest, TheStateSaysWhatTheNewestRegistrySays) {
  KERUEN_ASSERT_OK(const auto police, make_agency("kz.police", "police"));
  ASSERT_THAT(admit_to_all(police.request_file), IsOk());
  KERUEN_ASSERT_OK(const auto report, catch_up_with("second.snapshot"));
  EXPECT_EQ(report.version_before, RegistryVersion{1});
  EXPECT_EQ(report.version, RegistryVersion{2});
  EXPECT_THAT(report.suspended, ElementsAre(customs_));
  EXPECT_THAT(report.gone, ElementsAre(*AgencyId::parse("kz.police")));
  EXPECT_EQ(state(), newest_);

  KERUEN_ASSERT_OK(const auto published, publish_now());
  EXPECT_EQ(published.version, RegistryVersion{3});
  EXPECT_EQ(state().agencies.at(customs_).status, wire::AgencyStatus::suspended);
}

TEST_F(CatchUpTest, TakesNothingButANewerRegistryOfItsOwn) {
  ASSERT_THAT(catch_up_with("second.snapshot"), IsOk());
  const auto before = read("authority/authority.state");
  EXPECT_THAT(catch_up_with("second.snapshot"), FailsWith(ErrorCode::duplicate));
  EXPECT_THAT(catch_up_with("first.snapshot"),
              FailsWith(ErrorCode::out_of_sequence, HasSubstr("published version 2")));
  EXPECT_THAT(catch_up_with("none.snapshot"), FailsWith(ErrorCode::not_found));
  write("damaged.snapshot", "damaged");
  EXPECT_THAT(catch_up_with("damaged.snapshot"),
              FailsWith(ErrorCode::malformed, HasSubstr("damaged.snapshot")));
  EXPECT_EQ(read("authority/authority.state"), before);

  std::filesystem::rename(in("authority"), in("old"));
  std::filesystem::rename(in("broker"), in("old-broker"));
  ASSERT_THAT(init(), IsOk());
  EXPECT_THAT(catch_up_with("second.snapshot"),
              FailsWith(ErrorCode::not_found, HasSubstr("before the exchange had a broker")));
  ASSERT_THAT(make_the_broker(), IsOk());
  EXPECT_THAT(catch_up_with("second.snapshot"), FailsWith(ErrorCode::bad_signature));
}

// What was published says when it was, and so binds the clock as the lost state did.
TEST_F(CatchUpTest, NoClockGoesBackBehindWhatWasPublished) {
  ASSERT_THAT(catch_up_with("second.snapshot"), IsOk());
  clock_.set_wall_ahead(-std::chrono::hours(12));
  EXPECT_THAT(publish_now(), FailsWith(ErrorCode::expired, HasSubstr("clock is behind")));
}

}  // namespace
}  // namespace keruen::authority
