// The whole enrolment, from the authority's first day to an agency that may connect.
#include "agents/authority/state.h"
#include "certs/directory.h"
#include "certs/hash.h"
#include "schemas/host/broker_config.h"
#include "schemas/host/operator_config.h"
#include "tests/agents/authority/desk_fixture.h"
#include "tests/support/run_process.h"

namespace keruen::authority {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CeremonyTest : public DeskTest {
 protected:
  [[nodiscard]] std::shared_ptr<const certs::Registry> registry_of(const std::string& file) {
    const auto bytes = host::read_file(disk_, file, kSnapshotBytesMax);
    EXPECT_THAT(bytes, IsOk());
    const auto snapshot = wire::decode_snapshot(*bytes);
    EXPECT_THAT(snapshot, IsOk());
    const auto opened = OpenedState::open(disk_, in("authority"));
    EXPECT_THAT(opened, IsOk());
    auto state = decode_state(read("authority/authority.state"), "state");
    const auto registry = certs::verify_snapshot(*snapshot, exchange_, state->authorities);
    EXPECT_THAT(registry, IsOk());
    return *registry;
  }
};

TEST_F(CeremonyTest, EndsWithARegistryTheBrokerTakesAndAnInvitationTheAgencyTakes) {
  KERUEN_ASSERT_OK(const auto authority, init());
  KERUEN_ASSERT_OK(const auto broker, make_the_broker());
  KERUEN_ASSERT_OK(const auto customs, make_agency("kz.customs", "customs"));
  KERUEN_ASSERT_OK(const auto prosecutor, make_agency("kz.prosecutor", "prosecutor"));
  KERUEN_ASSERT_OK(const auto admitted, admit_to_all(customs.request_file));
  // What the agency reads over the telephone is what the authority sees.
  EXPECT_EQ(admitted.fingerprint, customs.fingerprint);
  EXPECT_FALSE(admitted.is_new_identity);
  ASSERT_THAT(admit_to_all(prosecutor.request_file), IsOk());

  auto at = desk();
  const auto all = *PartyId::parse("kz.all");
  ASSERT_THAT(allow(at, {in("authority"), all, all, {MessageKind::notice, MessageKind::schedule}}),
              IsOk());
  ASSERT_THAT(make_operator(at, {in("authority"), *OperatorName::parse("duty"),
                                 wire::OperatorRole::monitor, in("admin.toml")}),
              IsOk());
  KERUEN_ASSERT_OK(const auto published, publish_now());
  EXPECT_EQ(published.version, RegistryVersion{1});
  EXPECT_EQ(published.invitation_files.size(), 2u);

  KERUEN_ASSERT_OK(const auto config, host::load_broker_config(disk_, broker.config_file));
  EXPECT_EQ(config.registry_file, published.broker_file);
  const auto registry = registry_of(config.registry_file);
  const auto customs_id = *AgencyId::parse("kz.customs");
  const auto prosecutor_id = *AgencyId::parse("kz.prosecutor");
  EXPECT_TRUE(registry->allows(customs_id, prosecutor_id, MessageKind::schedule));
  EXPECT_FALSE(registry->allows(customs_id, prosecutor_id, MessageKind::evidence));
  EXPECT_EQ(registry->broker().transport_keys, std::vector{broker.transport_key});
  EXPECT_EQ(registry->broker().log_keys, std::vector{broker.log_key});
  EXPECT_EQ(registry->operators().size(), 1u);

  KERUEN_ASSERT_OK(const auto joined,
                   join_agency(at, {in("customs"), in("authority/out/kz.customs.invitation")}));
  EXPECT_EQ(joined.agency, customs_id);
  ASSERT_EQ(joined.roots.size(), 1u);
  EXPECT_EQ(joined.roots.front().fingerprint, authority.fingerprint);

  // What the agent's main reads.
  KERUEN_ASSERT_OK(const auto agent, host::load_agent_config(disk_, in("customs/agent.toml")));
  EXPECT_EQ(agent.officers.at("aigerim").id, "officer-7");
  KERUEN_ASSERT_OK(const auto invitation, load_invitation(disk_, agent.invitation_file));
  EXPECT_EQ(invitation.broker_key, broker.transport_key);
  KERUEN_ASSERT_OK(const auto unlock,
                   certs::Unlock::with_credential_file(disk_, agent.credential_file));
  KERUEN_ASSERT_OK(const auto keys,
                   load_agency_keys(disk_, agent.keys_directory, agent.agency, unlock));
  ASSERT_TRUE(keys.identity.has_value());

  // And with them the agency may speak: its keys are in the directory of that registry.
  certs::Directory directory(invitation.origin, invitation.authorities);
  const auto now = desk().now;
  ASSERT_THAT(directory.would_accept(registry->snapshot(), now), IsOk());
  ASSERT_THAT(directory.append({LogIndex{0},
                                now.wall,
                                wire::DirectoryType::registry,
                                {},
                                certs::sha256(registry->snapshot().head)}),
              IsOk());
  ASSERT_THAT(directory.supply(registry->snapshot()), IsOk());
  EXPECT_TRUE(directory.signing_key(customs_id, keys.signing.id())->in_force(LogIndex{1}));
  EXPECT_EQ(directory.transport_holder(keys.transport.id())->agency, customs_id);
}

TEST_F(CeremonyTest, OpensslVerifiesTheCertificateOfAJoinedAgency) {
  ASSERT_NO_FATAL_FAILURE(found());
  ASSERT_THAT(publish_now(), IsOk());
  auto at = desk();
  ASSERT_THAT(join_agency(at, {in("customs"), in("authority/out/kz.customs.invitation")}), IsOk());
  const auto result = run_process({"openssl", "verify", "-x509_strict", "-attime",
                                   std::to_string(milliseconds_of(clock_.wall()) / 1000), "-CAfile",
                                   in("authority/root.pem"), in("customs/keys/identity.pem")});
  EXPECT_EQ(result.exit_code, 0) << result.output;
}

TEST_F(CeremonyTest, TheBrokersFoldersAndKeysAreWhatItsConfigurationSays) {
  ASSERT_NO_FATAL_FAILURE(found());
  KERUEN_ASSERT_OK(const auto config, host::load_broker_config(disk_, in("broker/broker.toml")));
  KERUEN_ASSERT_OK(const auto unlock,
                   certs::Unlock::with_credential_file(disk_, config.credential_file));
  EXPECT_THAT(certs::load_key(disk_, config.transport_key_file, kBrokerTransportPurpose, unlock),
              IsOk());
  EXPECT_THAT(certs::load_key(disk_, config.log_key_file, kBrokerLogPurpose, unlock), IsOk());
  KERUEN_ASSERT_OK(const auto bytes, host::read_file(disk_, config.authorities_file, 100'000));
  KERUEN_ASSERT_OK(const auto entry, wire::decode_registry_entry(bytes));
  EXPECT_EQ(std::get<wire::AuthoritiesEntry>(entry).threshold, 1u);
}

TEST_F(CeremonyTest, AnOperatorsFileSaysWhereTheBrokerIsAndWhoItIs) {
  ASSERT_NO_FATAL_FAILURE(found());
  auto at = desk();
  const OperatorMake wanted{in("authority"), *OperatorName::parse("duty"),
                            wire::OperatorRole::administrator, in("admin.toml")};
  KERUEN_ASSERT_OK(const auto made, make_operator(at, wanted));
  KERUEN_ASSERT_OK(const auto config, host::load_operator_config(disk_, made.config_file));
  EXPECT_EQ(config.broker_endpoint, "tcp://127.0.0.1:7400");
  KERUEN_ASSERT_OK(const auto unlock,
                   certs::Unlock::with_credential_file(disk_, config.credential_file));
  EXPECT_THAT(certs::load_key(disk_, config.key_file, operator_purpose(config.name), unlock),
              IsOk());
  EXPECT_THAT(make_operator(at, wanted), FailsWith(ErrorCode::duplicate));
}

TEST_F(CeremonyTest, EachPublicationFollowsTheOneBefore) {
  ASSERT_NO_FATAL_FAILURE(found());
  KERUEN_ASSERT_OK(const auto first, publish_now());
  const auto one = registry_of(first.registry_file);
  KERUEN_ASSERT_OK(const auto second, publish_now());
  const auto two = registry_of(second.registry_file);
  EXPECT_EQ(second.version, RegistryVersion{2});
  EXPECT_THAT(certs::check_follows(*two, *one), IsOk());
  EXPECT_EQ(two->head().previous, one->hash());
}

TEST_F(CeremonyTest, AnAbsentBrokersFolderMeansCarryingTheFile) {
  ASSERT_NO_FATAL_FAILURE(found());
  std::filesystem::rename(in("broker"), in("elsewhere"));
  KERUEN_ASSERT_OK(const auto published, publish_now());
  EXPECT_EQ(published.broker_file, std::nullopt);
  EXPECT_EQ(published.broker_fault, std::nullopt);
  EXPECT_TRUE(std::filesystem::exists(published.registry_file));
}

TEST_F(CeremonyTest, ABrokersFolderThatCannotBeWrittenMeansCarryingTheFileToo) {
  ASSERT_NO_FATAL_FAILURE(found());
  // A folder stands where the file belongs: that fails for root as well, unlike a mode.
  std::filesystem::create_directories(in("broker/registry.snapshot/in-the-way"));
  KERUEN_ASSERT_OK(const auto published, publish_now());
  EXPECT_EQ(published.version, RegistryVersion{1});
  EXPECT_EQ(published.broker_file, std::nullopt);
  ASSERT_TRUE(published.broker_fault.has_value());
  EXPECT_THAT(*published.broker_fault, HasSubstr("broker/registry.snapshot"));
  EXPECT_EQ(registry_of(published.registry_file)->head().version, RegistryVersion{1});
  EXPECT_THAT(published.invitation_files, ElementsAre(in("authority/out/kz.customs.invitation")));
  EXPECT_THAT(load_invitation(disk_, published.invitation_files.front()), IsOk());
}

TEST_F(CeremonyTest, TwoOfTwoAuthoritiesSign) {
  KERUEN_ASSERT_OK(const auto second, init("second"));
  ASSERT_THAT(init("authority", {second.root_file}, 2), IsOk());
  ASSERT_THAT(make_the_broker(), IsOk());
  EXPECT_THAT(publish_now(), FailsWith(ErrorCode::bad_signature));
  auto at = desk();
  Publication wanted;
  wanted.directory = in("authority");
  wanted.further_signers.push_back({in("second"), passphrase()});
  KERUEN_ASSERT_OK(const auto published, publish(at, wanted, passphrase()));
  // What was refused took no version.
  EXPECT_EQ(published.version, RegistryVersion{1});
}

// Everybody would refuse what carries one signature twice, and the good one would be gone.
TEST_F(CeremonyTest, NobodySignsTwice) {
  ASSERT_NO_FATAL_FAILURE(found());
  ASSERT_THAT(publish_now(), IsOk());
  const auto state = read("authority/authority.state");
  const auto registry = read("broker/registry.snapshot");
  auto at = desk();
  Publication wanted;
  wanted.directory = in("authority");
  wanted.further_signers.push_back({in("authority"), passphrase()});
  EXPECT_THAT(publish(at, wanted, passphrase()),
              FailsWith(ErrorCode::duplicate, HasSubstr("signs already")));
  EXPECT_EQ(read("authority/authority.state"), state);
  EXPECT_EQ(read("authority/out/registry.snapshot"), registry);
  EXPECT_EQ(read("broker/registry.snapshot"), registry);
}

TEST_F(CeremonyTest, ASuspendedAgencyGetsNoInvitationAndMaySendNothing) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto customs = *AgencyId::parse("kz.customs");
  auto at = desk();
  ASSERT_THAT(set_status(at, in("authority"), customs, wire::AgencyStatus::suspended), IsOk());
  EXPECT_THAT(set_status(at, in("authority"), customs, wire::AgencyStatus::suspended),
              FailsWith(ErrorCode::duplicate));
  KERUEN_ASSERT_OK(const auto published, publish_now());
  EXPECT_THAT(published.invitation_files, IsEmpty());
  EXPECT_FALSE(registry_of(published.registry_file)->is_active(customs));
  ASSERT_THAT(set_status(at, in("authority"), customs, wire::AgencyStatus::active), IsOk());
  KERUEN_ASSERT_OK(const auto resumed, publish_now());
  EXPECT_TRUE(registry_of(resumed.registry_file)->is_active(customs));
}

// After two years, with keys and mail where they are.
TEST_F(CeremonyTest, ARenewedAgencyKeepsItsKeysAndHasALongerCertificate) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto customs = *AgencyId::parse("kz.customs");
  KERUEN_ASSERT_OK(const auto published, publish_now());
  const auto before = registry_of(published.registry_file)->agency(customs)->certificate;
  clock_.advance(std::chrono::hours(710 * 24));
  auto at = desk();
  KERUEN_ASSERT_OK(const auto renewed, renew(at, {in("authority"), customs}, passphrase()));
  EXPECT_EQ(renewed.valid_until_before, before.valid_until);
  KERUEN_ASSERT_OK(const auto after, publish_now());
  const auto registry = registry_of(after.registry_file);
  const auto& certificate = registry->agency(customs)->certificate;
  EXPECT_EQ(certificate.public_key, before.public_key);
  EXPECT_EQ(certificate.valid_until, renewed.certificate_valid_until);
  EXPECT_EQ(certificate.valid_until, before.valid_until + std::chrono::hours(710 * 24));
  EXPECT_THAT(registry->group(*GroupId::parse("kz.all"))->members, ElementsAre(customs));
  // Its folder takes the invitation that comes with it.
  EXPECT_THAT(join_agency(at, {in("customs"), after.invitation_files.at(0)}), IsOk());
}

TEST_F(CeremonyTest, RenewingDoesNotLiftASuspension) {
  ASSERT_NO_FATAL_FAILURE(found());
  const auto customs = *AgencyId::parse("kz.customs");
  auto at = desk();
  ASSERT_THAT(set_status(at, in("authority"), customs, wire::AgencyStatus::suspended), IsOk());
  ASSERT_THAT(renew(at, {in("authority"), customs}, passphrase()), IsOk());
  KERUEN_ASSERT_OK(const auto published, publish_now());
  EXPECT_FALSE(registry_of(published.registry_file)->is_active(customs));
}

}  // namespace
}  // namespace keruen::authority
