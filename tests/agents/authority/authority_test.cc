// What the desk refuses, and that refusing changes nothing.
#include "schemas/host/broker_config.h"
#include "tests/agents/authority/desk_fixture.h"

namespace keruen::authority {
namespace {

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

TEST_F(AuthorityTest, RefusesARequestForAnotherExchange) {
  ASSERT_THAT(init(), IsOk());
  KERUEN_ASSERT_OK(const auto agency,
                   make_agency("kz.customs", "customs", *Origin::parse("kg.exchange")));
  EXPECT_THAT(admit_to_all(agency.request_file),
              FailsWith(ErrorCode::denied, HasSubstr("--exchange kz.exchange")));
}

// Of a machine whose clock is years ahead: it would be mute until then.
TEST_F(AuthorityTest, RefusesARequestWhoseKeysBeginInYearsToCome) {
  ASSERT_THAT(init(), IsOk());
  clock_.advance(std::chrono::hours(10 * 365 * 24));
  KERUEN_ASSERT_OK(const auto agency, make_agency("kz.customs", "customs"));
  clock_.set_wall_ahead(std::chrono::hours(-10 * 365 * 24));
  EXPECT_THAT(admit_to_all(agency.request_file),
              FailsWith(ErrorCode::expired, HasSubstr("clock of the machine that made it")));
}

TEST_F(AuthorityTest, TheExchangeOfAnAgencyThatNamesNoneIsItsCountrys) {
  EXPECT_EQ(usual_exchange_of(*AgencyId::parse("kz.customs.west")).text(), "kz.exchange");
  KERUEN_ASSERT_OK(const auto agency, make_agency("kg.customs", "customs"));
  EXPECT_EQ(agency.exchange.text(), "kg.exchange");
}

TEST_F(AuthorityTest, RefusesAChangedRequest) {
  ASSERT_THAT(init(), IsOk());
  ASSERT_THAT(make_agency("kz.customs", "customs"), IsOk());
  ASSERT_THAT(make_agency("kz.prosecutor", "prosecutor"), IsOk());
  const auto good = read("customs/kz.customs.request");
  const auto other = read("prosecutor/kz.prosecutor.request");
  const auto line = [](const std::string& text, const std::string& key) {
    const auto start = text.find("\n" + key + ": ") + 1;
    return text.substr(start, text.find('\n', start) - start);
  };
  for (const std::string key :
       {"certificate-request", "first-signing-key", "first-transport-key"}) {
    auto changed = good;
    const auto mine = line(good, key);
    changed.replace(changed.find(mine), mine.size(), line(other, key));
    write("changed.request", changed);
    EXPECT_FALSE(admit_to_all(in("changed.request")).has_value()) << key;
  }
  auto renamed = good;
  renamed.replace(renamed.find("agency: kz.customs"), 18, "agency: kz.customz");
  write("changed.request", renamed);
  EXPECT_THAT(admit_to_all(in("changed.request")), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(admit_to_all(in("none.request")), FailsWith(ErrorCode::not_found));
}

TEST_F(AuthorityTest, RefusesARequestThatChangedSinceItWasCompared) {
  ASSERT_THAT(init(), IsOk());
  KERUEN_ASSERT_OK(const auto agency, make_agency("kz.customs", "customs"));
  ASSERT_THAT(make_agency("kz.customs", "impostor"), IsOk());
  auto at = desk();
  Admission wanted;
  wanted.directory = in("authority");
  wanted.request_file = agency.request_file;
  KERUEN_ASSERT_OK(const auto seen, examine_request(at, wanted));
  wanted.compared_fingerprint = seen.fingerprint;

  const auto before = read("authority/authority.state");
  const auto compared = read("customs/kz.customs.request");
  write("customs/kz.customs.request", read("impostor/kz.customs.request"));
  EXPECT_THAT(admit(at, wanted, passphrase()),
              FailsWith(ErrorCode::denied, HasSubstr("changed while it was being compared")));
  EXPECT_EQ(read("authority/authority.state"), before);

  write("customs/kz.customs.request", compared);
  KERUEN_ASSERT_OK(const auto admitted, admit(at, wanted, passphrase()));
  EXPECT_EQ(admitted.fingerprint, seen.fingerprint);
}

TEST_F(AuthorityTest, RefusesARequestWhoseFirstKeysArePast) {
  ASSERT_THAT(init(), IsOk());
  KERUEN_ASSERT_OK(const auto agency, make_agency("kz.customs", "customs"));
  clock_.advance(kSigningKeyLife);
  EXPECT_THAT(admit_to_all(agency.request_file), FailsWith(ErrorCode::expired));
}

TEST_F(AuthorityTest, SaysWhenAKnownAgencyComesWithAnotherIdentity) {
  ASSERT_NO_FATAL_FAILURE(found());
  KERUEN_ASSERT_OK(const auto again, make_agency("kz.customs", "again"));
  auto at = desk();
  KERUEN_ASSERT_OK(const auto report,
                   examine_request(at, {in("authority"), again.request_file, {}, std::nullopt}));
  EXPECT_TRUE(report.is_new_identity);
  EXPECT_EQ(report.fingerprint, again.fingerprint);
}

TEST_F(AuthorityTest, AGroupIsNoAgencyAndAParentIsOne) {
  ASSERT_NO_FATAL_FAILURE(found());
  KERUEN_ASSERT_OK(const auto agency, make_agency("kz.tax", "tax"));
  auto at = desk();
  EXPECT_THAT(admit(at, {in("authority"), agency.request_file, {*GroupId::parse("kz.customs")}, {}},
                    passphrase()),
              FailsWith(ErrorCode::duplicate));
  EXPECT_THAT(admit(at, {in("authority"), agency.request_file, {}, *AgencyId::parse("kz.none")},
                    passphrase()),
              FailsWith(ErrorCode::unknown_agency));
  KERUEN_ASSERT_OK(const auto group, make_agency("kz.all", "group"));
  EXPECT_THAT(admit(at, {in("authority"), group.request_file, {}, {}}, passphrase()),
              FailsWith(ErrorCode::duplicate));
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
        {{"en", ""}},
        {{"en", "two\nlines"}},
        {{"en", "\xff"}},
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
