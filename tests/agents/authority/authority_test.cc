// What the desk refuses, and that refusing changes nothing.
#include "schemas/host/broker_config.h"
#include "tests/agents/authority/desk_fixture.h"

namespace keruen::authority {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AuthorityTest : public DeskTest {};

TEST_F(AuthorityTest, IsNeverMadeTwiceInOneFolder) {
  ASSERT_THAT(init(), IsOk());
  EXPECT_THAT(init(), FailsWith(ErrorCode::duplicate));
}

TEST_F(AuthorityTest, CannotAskForMoreSignaturesThanThereAreAuthorities) {
  EXPECT_THAT(init("authority", {}, 2),
              FailsWith(ErrorCode::malformed, HasSubstr(" --further-root FILE")));
  EXPECT_THAT(init("authority", {}, 0), FailsWith(ErrorCode::malformed));
}

// What a power cut leaves, and what is left where a state was lost, look the same.
TEST_F(AuthorityTest, SaysWhatToDoWithAKeyThatHasNoState) {
  ASSERT_THAT(init(), IsOk());
  const auto key = read("authority/authority.key");
  std::filesystem::remove(in("authority/authority.state"));
  EXPECT_THAT(init(), FailsWith(ErrorCode::duplicate, HasSubstr("authority.key is there without")));
  EXPECT_EQ(read("authority/authority.key"), key);
  std::filesystem::remove(in("authority/authority.key"));
  EXPECT_THAT(init(), IsOk());
}

TEST_F(AuthorityTest, CountsEachFurtherAuthorityOnce) {
  KERUEN_ASSERT_OK(const auto second, init("second"));
  EXPECT_THAT(init("authority", {second.root_file, second.root_file}, 2),
              FailsWith(ErrorCode::malformed, HasSubstr("named already")));
  EXPECT_FALSE(std::filesystem::exists(in("authority")));
}

TEST_F(AuthorityTest, RefusesANameNoCertificateHolds) {
  auto at = desk();
  for (const std::string name : {"two\nlines", "\xff"}) {
    EXPECT_THAT(init_authority(at, {exchange_, in("authority"), name, {}, 1}, passphrase()),
                FailsWith(ErrorCode::malformed));
  }
  EXPECT_FALSE(std::filesystem::exists(in("authority")));
}

TEST_F(AuthorityTest, SaysHowToBeginWhereThereIsNone) {
  EXPECT_THAT(make_the_broker(), FailsWith(ErrorCode::not_found, HasSubstr("authority init")));
  EXPECT_THAT(publish_now(), FailsWith(ErrorCode::not_found, HasSubstr("authority init")));
  auto at = desk();
  EXPECT_THAT(join_agency(at, {in("customs"), in("x")}),
              FailsWith(ErrorCode::not_found, HasSubstr("agency init")));
}

TEST_F(AuthorityTest, PublishesNothingWithoutABroker) {
  ASSERT_THAT(init(), IsOk());
  EXPECT_THAT(publish_now(), FailsWith(ErrorCode::not_found, HasSubstr("authority broker")));
  auto at = desk();
  EXPECT_THAT(make_operator(at, {in("authority"), *OperatorName::parse("duty"),
                                 wire::OperatorRole::monitor, in("admin.toml")}),
              FailsWith(ErrorCode::not_found, HasSubstr("authority broker")));
}

TEST_F(AuthorityTest, HasOneBroker) {
  ASSERT_THAT(init(), IsOk());
  ASSERT_THAT(make_the_broker(), IsOk());
  EXPECT_THAT(make_the_broker(), FailsWith(ErrorCode::duplicate));
}

TEST_F(AuthorityTest, RefusesAnEndpointABrokerCannotBind) {
  ASSERT_THAT(init(), IsOk());
  auto at = desk();
  EXPECT_THAT(make_broker(at, {in("authority"), "7400", in("broker")}),
              FailsWith(ErrorCode::malformed));
  EXPECT_FALSE(std::filesystem::exists(in("broker")));
}

TEST_F(AuthorityTest, RefusesAnEndpointNobodyCanConnectTo) {
  ASSERT_THAT(init(), IsOk());
  auto at = desk();
  for (const std::string endpoint :
       {"tcp://*:7400", "tcp://0.0.0.0:7400", "tcp://[::]:7400", "tcp://broker.example:*",
        "tcp://broker.example:0", "tcp://broker.example:00"}) {
    EXPECT_THAT(make_broker(at, {in("authority"), endpoint, in("broker")}),
                FailsWith(ErrorCode::malformed, HasSubstr("no place to connect to")))
        << endpoint;
  }
  EXPECT_FALSE(std::filesystem::exists(in("broker")));
}

TEST_F(AuthorityTest, RefusesAPathTheStateCannotHold) {
  ASSERT_THAT(init(), IsOk());
  const auto before = read("authority/authority.state");
  auto at = desk();
  for (const std::string folder : {"two\nlines", "\xff"}) {
    EXPECT_THAT(make_broker(at, {in("authority"), "tcp://127.0.0.1:7400", in(folder)}),
                FailsWith(ErrorCode::malformed, HasSubstr("--out")));
    EXPECT_FALSE(std::filesystem::exists(in(folder)));
  }
  EXPECT_EQ(read("authority/authority.state"), before);
  ASSERT_THAT(make_the_broker(), IsOk());
  for (const std::string name : {"two\nlines.toml", "\xff.toml"}) {
    EXPECT_THAT(make_operator(at, {in("authority"), *OperatorName::parse("duty"),
                                   wire::OperatorRole::monitor, in("operators/" + name)}),
                FailsWith(ErrorCode::malformed, HasSubstr("--out")));
  }
  EXPECT_FALSE(std::filesystem::exists(in("operators")));
}

// A power cut after the keys, and one before the state.
TEST_F(AuthorityTest, SaysWhatToDoWithABrokerThatIsHalfMade) {
  ASSERT_THAT(init(), IsOk());
  const auto without = read("authority/authority.state");
  ASSERT_THAT(make_the_broker(), IsOk());
  write("authority/authority.state", without);
  for (const std::string file : {"broker.toml", "credential", "keys/transport.key"}) {
    EXPECT_THAT(make_the_broker(), FailsWith(ErrorCode::duplicate, HasSubstr("was cut short")));
    std::filesystem::remove(in("broker/" + file));
  }
  EXPECT_THAT(make_the_broker(), FailsWith(ErrorCode::duplicate, HasSubstr("keys/log.key exists")));
  std::filesystem::remove_all(in("broker"));
  EXPECT_THAT(make_the_broker(), IsOk());
}

TEST_F(AuthorityTest, AnOperatorsFilesNeverTakeEachOthersNames) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto before = read("authority/authority.state");
  auto at = desk();
  OperatorMake wanted;
  wanted.directory = in("authority");
  wanted.name = *OperatorName::parse("duty");
  for (const std::string out : {"duty.key", "duty.credential", "duty", "."}) {
    wanted.out = in("operators/" + out);
    EXPECT_THAT(make_operator(at, wanted),
                FailsWith(ErrorCode::malformed, HasSubstr("--out duty.toml")))
        << out;
  }
  EXPECT_FALSE(std::filesystem::exists(in("operators")));
  EXPECT_EQ(read("authority/authority.state"), before);
  wanted.out = in("operators/duty.toml");
  EXPECT_THAT(make_operator(at, wanted), IsOk());
}

// A name, and an address that is the router's, cannot be bound.
TEST_F(AuthorityTest, ABrokerListensWhereItCan) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"tcp://broker.example:7400", "tcp://*:7400"},
      {"tcp://203.0.113.7:7400", "tcp://*:7400"},
      {"tcp://[2001:db8::7]:7400", "tcp://*:7400"},
      {"tcp://localhost:7400", "tcp://127.0.0.1:7400"},
      {"tcp://127.0.0.1:7400", "tcp://127.0.0.1:7400"},
      {"tcp://[::1]:7400", "tcp://[::1]:7400"}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto& [endpoint, bound] = cases[i];
    const std::string place = std::to_string(i);
    ASSERT_THAT(init("authority" + place), IsOk());
    auto at = desk();
    KERUEN_ASSERT_OK(const auto made,
                     make_broker(at, {in("authority" + place), endpoint, in("broker" + place)}));
    KERUEN_ASSERT_OK(const auto config, host::load_broker_config(disk_, made.config_file));
    EXPECT_EQ(config.endpoint, bound) << endpoint;
    EXPECT_THAT(read("authority" + place + "/authority.state"), HasSubstr(endpoint));
  }
}

TEST_F(AuthorityTest, AWrongPassphraseSaysSoAndChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto before = read("authority/authority.state");
  auto at = desk();
  Publication wanted;
  wanted.directory = in("authority");
  EXPECT_THAT(publish(at, wanted, passphrase("open")),
              FailsWith(ErrorCode::denied, HasSubstr("wrong passphrase for")));
  EXPECT_EQ(read("authority/authority.state"), before);
  EXPECT_FALSE(std::filesystem::exists(in("authority/out/registry.snapshot")));
}

TEST_F(AuthorityTest, TheExchangeOfAnAgencyThatNamesNoneIsItsCountrys) {
  EXPECT_EQ(usual_exchange_of(*AgencyId::parse("kz.customs.west")).text(), "kz.exchange");
  KERUEN_ASSERT_OK(const auto agency, make_agency("kg.customs", "customs"));
  EXPECT_EQ(agency.exchange.text(), "kg.exchange");
}

TEST_F(AuthorityTest, RulesGrowAndShrink) {
  ASSERT_NO_FATAL_FAILURE(found());
  auto at = desk();
  const auto all = *PartyId::parse("kz.all");
  RuleChange change{in("authority"), all, all, {MessageKind::notice}};
  ASSERT_THAT(allow(at, change), IsOk());
  change.kinds = {MessageKind::schedule};
  KERUEN_ASSERT_OK(const auto both, allow(at, change));
  EXPECT_THAT(both, ElementsAre(MessageKind::notice, MessageKind::schedule));
  KERUEN_ASSERT_OK(const auto left, forbid(at, change));
  EXPECT_THAT(left, ElementsAre(MessageKind::notice));
  change.kinds = {MessageKind::notice};
  ASSERT_THAT(forbid(at, change), IsOk());
  EXPECT_THAT(forbid(at, change), FailsWith(ErrorCode::not_found));
}

TEST_F(AuthorityTest, RefusesRulesForNobodyOrNothing) {
  ASSERT_NO_FATAL_FAILURE(found());
  auto at = desk();
  const auto all = *PartyId::parse("kz.all");
  EXPECT_THAT(allow(at, {in("authority"), all, *PartyId::parse("kz.tax"), {MessageKind::notice}}),
              FailsWith(ErrorCode::unknown_agency, HasSubstr("kz.tax")));
  EXPECT_THAT(allow(at, {in("authority"), all, all, {}}), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(allow(at, {in("authority"), all, all, {MessageKind::receipt}}),
              FailsWith(ErrorCode::malformed, HasSubstr("receipts")));
}

TEST_F(AuthorityTest, SuspendsOnlyWhomItKnows) {
  ASSERT_THAT(init(), IsOk());
  auto at = desk();
  EXPECT_THAT(
      set_status(at, in("authority"), *AgencyId::parse("kz.tax"), wire::AgencyStatus::suspended),
      FailsWith(ErrorCode::unknown_agency));
}

TEST_F(AuthorityTest, RenewsOnlyWhomItKnowsAndWithItsKey) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto before = read("authority/authority.state");
  auto at = desk();
  EXPECT_THAT(renew(at, {in("authority"), *AgencyId::parse("kz.tax")}, passphrase()),
              FailsWith(ErrorCode::unknown_agency, HasSubstr("kz.tax")));
  EXPECT_THAT(renew(at, {in("authority"), *AgencyId::parse("kz.customs")}, passphrase("open")),
              FailsWith(ErrorCode::denied));
  EXPECT_EQ(read("authority/authority.state"), before);
}

// What would be signed would end too early, or pass for older than it is.
TEST_F(AuthorityTest, SignsNothingWhileItsClockIsBehind) {
  ASSERT_NO_FATAL_FAILURE(found());
  ASSERT_THAT(publish_now(), IsOk());
  const auto before = read("authority/authority.state");
  const auto customs = *AgencyId::parse("kz.customs");
  clock_.set_wall_ahead(-std::chrono::hours(1));
  const auto is_refused = FailsWith(
      ErrorCode::expired,
      AllOf(HasSubstr("it says 2026-05-14T08:00:00Z"), HasSubstr("was at 2026-05-14T09:00:00Z")));
  auto at = desk();
  EXPECT_THAT(publish_now(), is_refused);
  EXPECT_THAT(renew(at, {in("authority"), customs}, passphrase()), is_refused);
  EXPECT_THAT(admit_to_all(in("customs/kz.customs.request")), is_refused);
  EXPECT_THAT(examine_request(at, {in("authority"), in("customs/kz.customs.request"), {}, {}}),
              is_refused);
  EXPECT_EQ(read("authority/authority.state"), before);
  // What needs no time is done, and a few minutes are nothing.
  EXPECT_THAT(set_status(at, in("authority"), customs, wire::AgencyStatus::suspended), IsOk());
  clock_.set_wall_ahead(std::chrono::minutes(56));
  EXPECT_THAT(publish_now(), IsOk());
}

TEST_F(AuthorityTest, RenewsNothingToAnEarlierEnd) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto before = read("authority/authority.state");
  clock_.set_wall_ahead(-std::chrono::minutes(4));
  auto at = desk();
  EXPECT_THAT(renew(at, {in("authority"), *AgencyId::parse("kz.customs")}, passphrase()),
              FailsWith(ErrorCode::expired, HasSubstr("would end before it")));
  EXPECT_EQ(read("authority/authority.state"), before);
}

TEST_F(AuthorityTest, OneActAtATime) {
  ASSERT_THAT(init(), IsOk());
  KERUEN_ASSERT_OK(const auto lock, disk_.lock_directory(in("authority")));
  EXPECT_THAT(make_the_broker(), FailsWith(ErrorCode::denied));
}

TEST_F(AuthorityTest, AnAgencyIsNeverMadeOverAnother) {
  ASSERT_THAT(make_agency("kz.customs", "customs"), IsOk());
  const auto before = read("customs/keys/identity.key");
  EXPECT_THAT(make_agency("kz.tax", "customs"), FailsWith(ErrorCode::duplicate));
  EXPECT_EQ(read("customs/keys/identity.key"), before);
}

TEST_F(AuthorityTest, RefusesNamesARegistryCannotHold) {
  auto at = desk();
  AgencyInit wanted;
  wanted.agency = *AgencyId::parse("kz.customs");
  wanted.directory = in("customs");
  for (const std::map<std::string, std::string>& names :
       {std::map<std::string, std::string>{},
        {{"", "x"}},
        {{"e n", "x"}},
        {{"-en", "x"}},
        {{"en-", "x"}},
        {{"en", ""}},
        {{"en", "two\nlines"}},
        {{"en", "\xff"}},
        {{"en", "Customs \u202emottuC"}},
        {{"en", "Customs\u2066"}},
        {{"en", "\u200fCustoms"}},
        {{"en", "Cus\u200etoms"}},
        {{"en", "Cus\u061ctoms"}},
        {{"en", "Customs\u2028and more"}},
        {{"en", std::string(kNameBytesMax + 1, 'x')}}}) {
    wanted.names = names;
    EXPECT_THAT(init_agency(at, wanted), FailsWith(ErrorCode::malformed));
  }
  EXPECT_FALSE(std::filesystem::exists(in("customs")));
}

TEST_F(AuthorityTest, AnIdentityKeyMayBeLockedApart) {
  auto at = desk();
  AgencyInit wanted;
  wanted.agency = *AgencyId::parse("kz.customs");
  wanted.names = {{"en", "Customs"}};
  wanted.directory = in("customs");
  wanted.identity_passphrase = passphrase();
  KERUEN_ASSERT_OK(const auto made, init_agency(at, wanted));
  KERUEN_ASSERT_OK(const auto unlock,
                   certs::Unlock::with_credential_file(disk_, made.credential_file));
  KERUEN_ASSERT_OK(const auto keys,
                   load_agency_keys(disk_, in("customs/keys"), wanted.agency, unlock));
  EXPECT_FALSE(keys.identity.has_value());
}

class JoinTest : public DeskTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(found());
    ASSERT_THAT(publish_now(), IsOk());
  }
  [[nodiscard]] Result<AgencyJoinReport> join(const std::string& folder = "customs",
                                              RootChange roots = RootChange::refuse) {
    auto at = desk();
    return join_agency(at, {in(folder), in("authority/out/kz.customs.invitation"), roots});
  }
};

TEST_F(JoinTest, TakesTheSameInvitationAgain) {
  ASSERT_THAT(join(), IsOk());
  EXPECT_THAT(join(), IsOk());
}

TEST_F(JoinTest, SaysWhereARequestThatWasMovedAwayIs) {
  std::filesystem::rename(in("customs/kz.customs.request"), in("carried"));
  EXPECT_THAT(join(), FailsWith(ErrorCode::not_found,
                                AllOf(HasSubstr("kz.customs.request"), HasSubstr("copy it back"))));
  std::filesystem::rename(in("carried"), in("customs/kz.customs.request"));
  EXPECT_THAT(join(), IsOk());
}

TEST_F(JoinTest, RefusesAnotherAgencysInvitation) {
  ASSERT_THAT(make_agency("kz.tax", "tax"), IsOk());
  EXPECT_THAT(join("tax"), FailsWith(ErrorCode::denied, HasSubstr("kz.customs")));
  EXPECT_FALSE(std::filesystem::exists(in("tax/kz.tax.invitation")));
}

TEST_F(JoinTest, RefusesACertificateForAnotherKey) {
  ASSERT_THAT(make_agency("kz.customs", "impostor"), IsOk());
  EXPECT_THAT(join("impostor"), FailsWith(ErrorCode::denied, HasSubstr("another key")));
}

TEST_F(JoinTest, RefusesAnotherExchange) {
  ASSERT_THAT(make_agency("kz.customs", "away", *Origin::parse("kg.exchange")), IsOk());
  EXPECT_THAT(join("away"), FailsWith(ErrorCode::denied, HasSubstr("kz.exchange")));
}

TEST_F(JoinTest, RefusesAnExpiredCertificate) {
  clock_.advance(std::chrono::hours(24 * 365 * 2));
  EXPECT_THAT(join(), FailsWith(ErrorCode::expired));
}

TEST_F(JoinTest, RefusesOtherRootsUntilAnOfficerSaysThatSheComparedThem) {
  ASSERT_THAT(join(), IsOk());
  // The authority begins anew and admits the same request.
  std::filesystem::rename(in("authority"), in("old"));
  std::filesystem::rename(in("broker"), in("old-broker"));
  ASSERT_THAT(init(), IsOk());
  ASSERT_THAT(make_the_broker(), IsOk());
  ASSERT_THAT(admit_to_all(in("customs/kz.customs.request")), IsOk());
  ASSERT_THAT(publish_now(), IsOk());
  const auto before = read("customs/kz.customs.invitation");
  EXPECT_THAT(join(), FailsWith(ErrorCode::denied, HasSubstr(" --accept-other-roots")));
  EXPECT_EQ(read("customs/kz.customs.invitation"), before);
  EXPECT_THAT(join("customs", RootChange::accept), IsOk());
}

}  // namespace
}  // namespace keruen::authority
