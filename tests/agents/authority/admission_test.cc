// Which requests are taken, and what one who admits is shown before.
#include "agents/authority/request.h"
#include "agents/authority/state.h"
#include "certs/key_record.h"
#include "tests/agents/authority/desk_fixture.h"

namespace keruen::authority {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AdmissionTest : public DeskTest {
 protected:
  // A request as one writes it who changed the program: with whatever keys she has.
  [[nodiscard]] std::string write_request(const std::string& id,
                                          const certs::SigningKeyPair& identity,
                                          const certs::SigningKeyPair& signing,
                                          const TransportPublicKey& transport) {
    EnrolmentRequest request;
    request.agency = *AgencyId::parse(id);
    request.origin = exchange_;
    request.names = {{"en", id}};
    request.certificate_request = *certs::make_certificate_request(request.agency, identity);
    const WallTime from = clock_.wall();
    request.first_delegation =
        certs::sign_key_record(wire::Delegation{exchange_, request.agency, signing.public_key(),
                                                from, from + kSigningKeyLife},
                               identity);
    request.first_transport_key =
        certs::sign_key_record(wire::TransportRecord{exchange_, request.agency, signing.id(),
                                                     transport, from, from + kTransportKeyLife},
                               signing);
    write("written.request", encode_request(request));
    return in("written.request");
  }
  [[nodiscard]] certs::SigningKeyPair new_key() {
    return certs::SigningKeyPair::generate(randomness_);
  }
  [[nodiscard]] TransportPublicKey new_transport_key() {
    return certs::TransportKeyPair::generate(randomness_).public_key();
  }
  [[nodiscard]] AuthorityState state() const {
    return *decode_state(read("authority/authority.state"), "authority.state");
  }
  [[nodiscard]] Result<AgencyKeys> keys_of_customs() {
    KERUEN_TRY(const auto unlock,
               certs::Unlock::with_credential_file(disk_, in("customs/credential")));
    return load_agency_keys(disk_, in("customs/keys"), *AgencyId::parse("kz.customs"), unlock);
  }
};

TEST_F(AdmissionTest, RefusesARequestForAnotherExchange) {
  ASSERT_THAT(init(), IsOk());
  KERUEN_ASSERT_OK(const auto agency,
                   make_agency("kz.customs", "customs", *Origin::parse("kg.exchange")));
  EXPECT_THAT(admit_to_all(agency.request_file),
              FailsWith(ErrorCode::denied, HasSubstr("--exchange kz.exchange")));
}

// Of a machine whose clock is years ahead: it would be mute until then.
TEST_F(AdmissionTest, RefusesARequestWhoseKeysBeginInYearsToCome) {
  ASSERT_THAT(init(), IsOk());
  clock_.advance(std::chrono::hours(10 * 365 * 24));
  KERUEN_ASSERT_OK(const auto agency, make_agency("kz.customs", "customs"));
  clock_.set_wall_ahead(std::chrono::hours(-10 * 365 * 24));
  EXPECT_THAT(admit_to_all(agency.request_file),
              FailsWith(ErrorCode::expired, AllOf(HasSubstr("clock of the machine that made it"),
                                                  HasSubstr("begin at 2036-05-11T08:00:00Z"),
                                                  HasSubstr("clock says 2026-05-14T09:00:00Z"))));
}

TEST_F(AdmissionTest, RefusesAChangedRequest) {
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
  const std::vector<std::pair<std::string, std::string>> others = {
      {"agency: kz.customs", "agency: kz.customz"},
      {"name: en Agency", "name: en- Agency"},
      {"name: en Agency", "name: en \u202eycnegA"}};
  for (const auto& [mine, written] : others) {
    auto renamed = good;
    renamed.replace(renamed.find(mine), mine.size(), written);
    write("changed.request", renamed);
    EXPECT_THAT(admit_to_all(in("changed.request")), FailsWith(ErrorCode::malformed)) << written;
  }
  EXPECT_THAT(admit_to_all(in("none.request")), FailsWith(ErrorCode::not_found));
}

TEST_F(AdmissionTest, RefusesARequestThatChangedSinceItWasShown) {
  ASSERT_THAT(init(), IsOk());
  KERUEN_ASSERT_OK(const auto agency, make_agency("kz.customs", "customs"));
  ASSERT_THAT(make_agency("kz.customs", "impostor"), IsOk());
  auto at = desk();
  Admission wanted;
  wanted.directory = in("authority");
  wanted.request_file = agency.request_file;
  KERUEN_ASSERT_OK(const auto seen, examine_request(at, wanted));
  wanted.shown_request = seen.request_hash;

  const auto before = read("authority/authority.state");
  const auto shown = read("customs/kz.customs.request");
  auto renamed = shown;
  renamed.replace(renamed.find("name: en Agency"), 15, "name: en Agent!");
  for (const auto& other : {read("impostor/kz.customs.request"), renamed}) {
    write("customs/kz.customs.request", other);
    EXPECT_THAT(admit(at, wanted, passphrase()),
                FailsWith(ErrorCode::denied, HasSubstr("changed while it was being compared")));
    EXPECT_EQ(read("authority/authority.state"), before);
  }

  write("customs/kz.customs.request", shown);
  KERUEN_ASSERT_OK(const auto admitted, admit(at, wanted, passphrase()));
  EXPECT_EQ(admitted.fingerprint, seen.fingerprint);
}

TEST_F(AdmissionTest, RefusesARequestWhoseFirstKeysArePast) {
  ASSERT_THAT(init(), IsOk());
  KERUEN_ASSERT_OK(const auto agency, make_agency("kz.customs", "customs"));
  clock_.advance(kSigningKeyLife);
  EXPECT_THAT(admit_to_all(agency.request_file),
              FailsWith(ErrorCode::expired, AllOf(HasSubstr("ended at 2026-08-12T08:00:00Z"),
                                                  HasSubstr("clock says 2026-08-12T09:00:00Z"))));
}

TEST_F(AdmissionTest, SaysWhenAKnownAgencyComesWithAnotherIdentity) {
  ASSERT_NO_FATAL_FAILURE(found());
  KERUEN_ASSERT_OK(const auto again, make_agency("kz.customs", "again"));
  auto at = desk();
  KERUEN_ASSERT_OK(const auto report,
                   examine_request(at, {in("authority"), again.request_file, {}, std::nullopt}));
  EXPECT_TRUE(report.is_new_identity);
  EXPECT_EQ(report.fingerprint, again.fingerprint);
}

TEST_F(AdmissionTest, AGroupIsNoAgencyAndAParentIsOne) {
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

// A public key is in every registry, for anybody to copy. One in two places would keep all of them
// from being published.
TEST_F(AdmissionTest, RefusesAKeyThatIsAnothersAlready) {
  ASSERT_NO_FATAL_FAILURE(found());
  auto at = desk();
  ASSERT_THAT(make_operator(at, {in("authority"), *OperatorName::parse("duty"),
                                 wire::OperatorRole::monitor, in("admin.toml")}),
              IsOk());
  KERUEN_ASSERT_OK(const auto customs, keys_of_customs());
  const auto before = state();
  const auto expect_refused = [&](const std::string& request, const std::string& key,
                                  const std::string& holder) {
    const auto is_refused =
        FailsWith(ErrorCode::duplicate, AllOf(HasSubstr(key), HasSubstr("that of " + holder),
                                              HasSubstr("agency init in a new folder")));
    EXPECT_THAT(examine_request(at, {in("authority"), request, {}, {}}), is_refused);
    EXPECT_THAT(admit_to_all(request), is_refused);
    EXPECT_EQ(state(), before);
  };
  expect_refused(write_request("kz.tax", new_key(), new_key(), customs.transport.public_key()),
                 "first transport key", "kz.customs");
  expect_refused(
      write_request("kz.tax", new_key(), new_key(), before.operators.begin()->second.transport_key),
      "first transport key", "the operator duty");
  expect_refused(
      write_request("kz.tax", new_key(), new_key(), before.broker->transport_keys.front()),
      "first transport key", "the broker");
  expect_refused(write_request("kz.tax", new_key(), customs.signing, new_transport_key()),
                 "first signing key", "kz.customs");
  expect_refused(write_request("kz.tax", *customs.identity, new_key(), new_transport_key()),
                 "identity key", "kz.customs");
  ASSERT_THAT(admit_to_all(write_request("kz.tax", new_key(), new_key(), new_transport_key())),
              IsOk());
  EXPECT_THAT(publish_now(), IsOk());
}

TEST_F(AdmissionTest, RefusesWhatNoRegistryMayHold) {
  ASSERT_NO_FATAL_FAILURE(found());
  KERUEN_ASSERT_OK(const auto root,
                   load_authority_key(disk_, in("authority"), exchange_, passphrase()));
  const auto before = state();
  EXPECT_THAT(admit_to_all(write_request("kz.tax", root, new_key(), new_transport_key())),
              FailsWith(ErrorCode::duplicate,
                        AllOf(HasSubstr("no registry could be published"), HasSubstr("kz.tax"))));
  EXPECT_EQ(state(), before);
  EXPECT_THAT(publish_now(), IsOk());
}

// Its keys are void in every directory from the registry on that listed another in its place.
TEST_F(AdmissionTest, RefusesAnIdentityThatWasReplaced) {
  ASSERT_NO_FATAL_FAILURE(found());
  ASSERT_THAT(publish_now(), IsOk());
  KERUEN_ASSERT_OK(const auto again, make_agency("kz.customs", "again"));
  ASSERT_THAT(admit_to_all(again.request_file), IsOk());
  ASSERT_THAT(publish_now(), IsOk());
  const auto before = state();
  EXPECT_THAT(admit_to_all(in("customs/kz.customs.request")),
              FailsWith(ErrorCode::denied, AllOf(HasSubstr("that kz.customs had before"),
                                                 HasSubstr("agency init in a new folder"))));
  EXPECT_EQ(state(), before);
  EXPECT_THAT(admit_to_all(again.request_file), IsOk());
}

// Nobody was told of the other.
TEST_F(AdmissionTest, TakesAnIdentityBackWhoseReplacementWasNeverPublished) {
  ASSERT_NO_FATAL_FAILURE(found());
  ASSERT_THAT(publish_now(), IsOk());
  KERUEN_ASSERT_OK(const auto again, make_agency("kz.customs", "again"));
  ASSERT_THAT(admit_to_all(again.request_file), IsOk());
  KERUEN_ASSERT_OK(const auto back, admit_to_all(in("customs/kz.customs.request")));
  EXPECT_TRUE(back.is_new_identity);
  EXPECT_THAT(publish_now(), IsOk());
}

TEST_F(AdmissionTest, ShowsNamesGroupsAndParentAsTheyWillBe) {
  ASSERT_NO_FATAL_FAILURE(found());
  KERUEN_ASSERT_OK(const auto tax, make_agency("kz.tax", "tax"));
  const auto all = *GroupId::parse("kz.all");
  const auto some = *GroupId::parse("kz.some");
  const auto customs = *AgencyId::parse("kz.customs");
  auto at = desk();
  const Admission wanted{in("authority"), tax.request_file, {some}, customs};
  KERUEN_ASSERT_OK(const auto seen, examine_request(at, wanted));
  EXPECT_EQ(seen.names.at("en"), "Agency kz.tax");
  EXPECT_THAT(seen.groups, ElementsAre(some));
  EXPECT_EQ(seen.parent, customs);
  ASSERT_THAT(admit(at, wanted, passphrase()), IsOk());
  // Admitted again it stays where it is.
  KERUEN_ASSERT_OK(const auto again,
                   examine_request(at, {in("authority"), tax.request_file, {all}, {}}));
  EXPECT_THAT(again.groups, ElementsAre(all, some));
  EXPECT_EQ(again.parent, customs);
}

}  // namespace
}  // namespace keruen::authority
