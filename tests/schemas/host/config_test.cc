// What all three files share, shown on the one that has it; and each file's own rules.
#include <rapidcheck.h>

#include "schemas/host/agent_config.h"
#include "schemas/host/broker_config.h"
#include "schemas/host/operator_config.h"
#include "tests/support/fault_disk.h"
#include "tests/support/matchers.h"

namespace keruen::host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::StrEq;

constexpr const char* kBroker = R"(origin = "kz.exchange"
endpoint = "tcp://127.0.0.1:7400"
[keys]
transport = "keys/transport.key"
log = "/etc/keruen/log.key"
[log]
directory = "log"
[guard]
file = "guard"
[index]
file = "index.db"
[registry]
file = "registry.snapshot"
authorities = "authorities"
)";

constexpr const char* kAgent = R"(agency = "kz.customs"
[keys]
directory = "keys"
credential = "credential"
[store]
directory = "store"
[broker]
invitation = "kz.customs.invitation"
[api]
socket = "agent.sock"
[officers.aigul]
id = "a.serik"
name = "Айгүл Серік"
[officers."DOMAIN\\user"]
id = "b"
name = "B"
role = "prosecutor"
unit = "Almaty"
[forwarder]
outgoing = "outgoing"
incoming = "incoming"
[journal]
level = "debug"
file = "journal.log"
)";

constexpr const char* kOperator = R"(name = "duty"
origin = "kz.exchange"
key = "duty.key"
[broker]
endpoint = "tcp://broker.example:7400"
key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
)";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  ensure(at != std::string::npos, "the text holds what is replaced");
  return text.replace(at, from.size(), to);
}

Result<BrokerConfig> broker(std::string_view from, std::string_view to) {
  return decode_broker_config(replaced(kBroker, from, to), "broker.toml");
}
Result<AgentConfig> agent(std::string_view from, std::string_view to) {
  return decode_agent_config(replaced(kAgent, from, to), "agent.toml");
}
Result<OperatorConfig> admin(std::string_view from, std::string_view to) {
  return decode_operator_config(replaced(kOperator, from, to), "admin.toml");
}

TEST(BrokerConfig, IsReadWithItsDefaults) {
  KERUEN_ASSERT_OK(const auto config, decode_broker_config(kBroker, "/srv/k/broker.toml"));
  EXPECT_EQ(config.origin.text(), "kz.exchange");
  EXPECT_EQ(config.endpoint, "tcp://127.0.0.1:7400");
  EXPECT_EQ(config.log_directory, "/srv/k/log");
  EXPECT_EQ(config.transport_key_file, "/srv/k/keys/transport.key");
  EXPECT_EQ(config.log_key_file, "/etc/keruen/log.key");
  EXPECT_EQ(config.credential_file, "");
  EXPECT_EQ(config.segment_bytes, kSegmentBytes);
  EXPECT_EQ(config.agents_max, kRegistryAgenciesMax);
  EXPECT_EQ(config.journal, JournalConfig());
}

TEST(BrokerConfig, NamesAnUnknownKeyItsLineAndWhatWasMeant) {
  EXPECT_THAT(broker("directory", "diretory"),
              FailsWith(ErrorCode::malformed, HasSubstr("\"log.directory\" is missing")));
  EXPECT_THAT(broker("directory = \"log\"", "directory = \"log\"\nsegment_byte = 8388608"),
              FailsWith(ErrorCode::malformed,
                        StrEq("broker.toml:8: unknown key \"log.segment_byte\": did you mean "
                              "\"segment_bytes\"?")));
  EXPECT_THAT(broker("[index]", "[colour]\n[index]"),
              FailsWith(ErrorCode::malformed,
                        AllOf(StartsWith("broker.toml:10: unknown key \"colour\": known here are"),
                              HasSubstr(" registry"))));
}

TEST(BrokerConfig, NamesWhatIsMissing) {
  EXPECT_THAT(broker("origin = \"kz.exchange\"", ""),
              FailsWith(ErrorCode::malformed, StrEq("broker.toml: \"origin\" is missing")));
  EXPECT_THAT(
      broker("[guard]\nfile = \"guard\"", ""),
      FailsWith(ErrorCode::malformed, StrEq("broker.toml: the section [guard] is missing")));
  EXPECT_THAT(broker("log = \"/etc/keruen/log.key\"", ""),
              FailsWith(ErrorCode::malformed, StrEq("broker.toml:3: \"keys.log\" is missing")));
}

TEST(BrokerConfig, NamesAWrongType) {
  EXPECT_THAT(broker("\"log\"", "7"),
              FailsWith(ErrorCode::malformed,
                        StrEq("broker.toml:7: log.directory: must be a text in quotes, and is a "
                              "number")));
  EXPECT_THAT(broker("\"log\"", "[\"log\"]"),
              FailsWith(ErrorCode::malformed, HasSubstr("and is a list")));
  EXPECT_THAT(broker("\"log\"", "2026-01-01"),
              FailsWith(ErrorCode::malformed, HasSubstr("and is a date or time")));
  EXPECT_THAT(broker("\"log\"", "\"log\"\nsegment_bytes = true"),
              FailsWith(ErrorCode::malformed, HasSubstr("must be a whole number, and is true")));
  EXPECT_THAT(broker("\"log\"", "\"log\"\nsegment_bytes = 1.5"),
              FailsWith(ErrorCode::malformed, HasSubstr("a number with a fraction")));
  EXPECT_THAT(broker("[index]\nfile = \"index.db\"", ""),
              FailsWith(ErrorCode::malformed, HasSubstr("[index]")));
  EXPECT_THAT(decode_broker_config("log = 1\n" + std::string(kBroker), "broker.toml"),
              FailsWith(ErrorCode::malformed, StartsWith("broker.toml:")));
}

TEST(BrokerConfig, NamesTheLineOfASlip) {
  for (const std::string_view section : {"[=]", "[.log]", "[\x1a]", "[]", "[", "[#", "[журнал]"}) {
    EXPECT_THAT(decode_broker_config("\n" + std::string(section) + "\n", "broker.toml"),
                FailsWith(ErrorCode::malformed, StartsWith("broker.toml:2: ")))
        << section;
  }
}

TEST(BrokerConfig, NamesAValueOutOfRange) {
  EXPECT_THAT(broker("\"log\"", "\"log\"\nsegment_bytes = 100"),
              FailsWith(ErrorCode::malformed,
                        StrEq("broker.toml:8: log.segment_bytes: must lie between 4194304 and "
                              "1073741824, and is 100")));
  EXPECT_THAT(broker("\"log\"", "\"log\"\nsegment_bytes = -1"),
              FailsWith(ErrorCode::malformed, HasSubstr("and is -1")));
  EXPECT_THAT(broker("\"log\"", "\"log\"\nsegment_bytes = 8388672"),
              FailsWith(ErrorCode::malformed, HasSubstr("multiple of 4096")));
  EXPECT_THAT(broker("\"log\"", "\"log\"\nsegment_bytes = 8388609"),
              FailsWith(ErrorCode::malformed, HasSubstr("multiple of 4096")));
  EXPECT_THAT(broker("[guard]", "[limits]\nagents_max = 0\n[guard]"),
              FailsWith(ErrorCode::malformed, HasSubstr("limits.agents_max")));
  EXPECT_THAT(broker("[guard]", "[journal]\nlevel = \"loud\"\n[guard]"),
              FailsWith(ErrorCode::malformed,
                        HasSubstr("journal.level: must be debug, info, warning or error")));
  EXPECT_THAT(broker("\"log\"", "\"\""),
              FailsWith(ErrorCode::malformed, HasSubstr("must not be empty")));
  EXPECT_THAT(broker("\"log\"", "\"a\\u0000b\""),
              FailsWith(ErrorCode::malformed, HasSubstr("control character")));
  EXPECT_THAT(broker("\"log\"", '"' + std::string(5000, 'a') + '"'),
              FailsWith(ErrorCode::malformed, HasSubstr("longer than 4096")));
  EXPECT_THAT(broker("kz.exchange", "kz exchange"),
              FailsWith(ErrorCode::malformed, StartsWith("broker.toml:1: origin:")));
}

TEST(BrokerConfig, RefusesWhatIsNoEndpoint) {
  for (const char* text :
       {"127.0.0.1:7400", "tcp://", "tcp://:7400", "tcp://host", "tcp://host:", "tcp://host:70000",
        "tcp://host:7x", "tcp://ho st:1", "tcp://a*b:1", "ipc://x:1", "tcp://::1:7400"}) {
    EXPECT_THAT(broker("tcp://127.0.0.1:7400", text),
                FailsWith(ErrorCode::malformed, StartsWith("broker.toml:2: endpoint:")))
        << text;
  }
  for (const char* text :
       {"tcp://*:7400", "tcp://[::1]:7400", "tcp://broker.example:*", "tcp://0.0.0.0:65535"}) {
    EXPECT_THAT(broker("tcp://127.0.0.1:7400", text), IsOk()) << text;
  }
}

TEST(BrokerConfig, NamesTheLineOfWhatIsNotToml) {
  EXPECT_THAT(broker("[log]", "[log"),
              FailsWith(ErrorCode::malformed, StartsWith("broker.toml:6: ")));
  EXPECT_THAT(broker("[log]", "origin = \"kz.other\""),
              FailsWith(ErrorCode::malformed, StartsWith("broker.toml:")));
  EXPECT_THAT(broker("[log]", "\xff\xfe"),
              FailsWith(ErrorCode::malformed, StartsWith("broker.toml:")));
  EXPECT_THAT(decode_broker_config("", "broker.toml"), FailsWith(ErrorCode::malformed));
}

TEST(BrokerConfig, RefusesAFileBeyondAnySize) {
  EXPECT_THAT(decode_broker_config(std::string(2 * 1024 * 1024, '#'), "broker.toml"),
              FailsWith(ErrorCode::too_large, StartsWith("broker.toml: ")));
}

TEST(BrokerConfig, RefusesSectionsNestedTooDeep) {
  EXPECT_THAT(broker("[index]", "[a.b.c.d.e.f.g.h.i.j.k]\n[index]"),
              FailsWith(ErrorCode::malformed, HasSubstr("nested too deep")));
}

TEST(BrokerConfig, IsLoadedFromADisk) {
  FaultDisk disk;
  ASSERT_THAT(write_file_atomically(disk, "/broker.toml", bytes_of(kBroker), kSharedMode), IsOk());
  KERUEN_ASSERT_OK(const auto config, load_broker_config(disk, "/broker.toml"));
  EXPECT_EQ(config.index_file, "/index.db");
  EXPECT_THAT(load_broker_config(disk, "/none.toml"), FailsWith(ErrorCode::not_found));
}

TEST(AgentConfig, IsReadWhole) {
  KERUEN_ASSERT_OK(const auto config, decode_agent_config(kAgent, "customs/agent.toml"));
  EXPECT_EQ(config.agency.text(), "kz.customs");
  EXPECT_EQ(config.keys_directory, "customs/keys");
  EXPECT_EQ(config.credential_file, "customs/credential");
  EXPECT_EQ(config.invitation_file, "customs/kz.customs.invitation");
  EXPECT_EQ(config.broker_endpoint, "");
  ASSERT_EQ(config.officers.size(), 2u);
  EXPECT_EQ(config.officers.at("aigul"), (OfficerConfig{"a.serik", "Айгүл Серік", "", ""}));
  EXPECT_EQ(config.officers.at("DOMAIN\\user"), (OfficerConfig{"b", "B", "prosecutor", "Almaty"}));
  ASSERT_TRUE(config.forwarder.has_value());
  EXPECT_EQ(config.forwarder->incoming_directory, "customs/incoming");
  EXPECT_EQ(config.journal, (JournalConfig{JournalLevel::debug, "customs/journal.log"}));
}

// What is forgotten must not be able to come again.
TEST(AgentConfig, KeepsMessagesForGoodUnlessToldHowLong) {
  const auto kept = [](const std::string& line) { return agent("[broker]", line + "\n[broker]"); };
  KERUEN_ASSERT_OK(const auto unless_told, kept(""));
  EXPECT_EQ(unless_told.keep, std::nullopt);
  KERUEN_ASSERT_OK(const auto two_years, kept("keep_days = 730"));
  EXPECT_EQ(two_years.keep, std::chrono::days(730));
  for (const char* value : {"0", "61", "36501", "-1"}) {
    EXPECT_THAT(kept("keep_days = " + std::string(value)),
                FailsWith(ErrorCode::malformed,
                          AllOf(HasSubstr("store.keep_days: must lie between 62 and 36500"),
                                HasSubstr(value))));
  }
  EXPECT_THAT(kept("keep_days = \"730\""), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(kept("keep_day = 730"),
              FailsWith(ErrorCode::malformed, HasSubstr("did you mean \"keep_days\"?")));
}

TEST(AgentConfig, RefusesASocketPathTheSystemCannotTake) {
  const std::string fits(kSocketPathBytesMax, 's');
  EXPECT_THAT(agent("agent.sock", fits), IsOk());
  EXPECT_THAT(agent("agent.sock", fits + "s"),
              FailsWith(ErrorCode::malformed,
                        AllOf(StartsWith("agent.toml:10: api.socket: "), HasSubstr("108 bytes"))));
  // The folder counts too.
  EXPECT_THAT(decode_agent_config(replaced(kAgent, "agent.sock", fits), "customs/agent.toml"),
              FailsWith(ErrorCode::malformed, HasSubstr("customs/sss")));
}

TEST(AgentConfig, NamesTheOfficerWhoLacksSomething) {
  EXPECT_THAT(
      agent("id = \"b\"", ""),
      FailsWith(ErrorCode::malformed, HasSubstr("\"officers.DOMAIN\\user.id\" is missing")));
  EXPECT_THAT(
      agent("id = \"b\"", "id = \"b\"\nrank = \"x\""),
      FailsWith(ErrorCode::malformed, HasSubstr("unknown key \"officers.DOMAIN\\user.rank\"")));
  EXPECT_THAT(agent("[officers.aigul]", "[officers]\naigul = 1\n[officers.b]"),
              FailsWith(ErrorCode::malformed, HasSubstr("must be a section")));
}

TEST(AgentConfig, RefusesToForwardWhatItReceives) {
  EXPECT_THAT(agent("\"incoming\"", "\"outgoing\""),
              FailsWith(ErrorCode::malformed, HasSubstr("forwarder.incoming")));
}

TEST(AgentConfig, NeedsBothFoldersOrNone) {
  EXPECT_THAT(agent("incoming = \"incoming\"", ""),
              FailsWith(ErrorCode::malformed, HasSubstr("\"forwarder.incoming\" is missing")));
  KERUEN_ASSERT_OK(const auto config, agent("[forwarder]\noutgoing = \"outgoing\"\nincoming = "
                                            "\"incoming\"",
                                            ""));
  EXPECT_FALSE(config.forwarder.has_value());
}

TEST(AgentConfig, ChecksAnEndpointThatIsGiven) {
  EXPECT_THAT(agent("[api]", "endpoint = \"nowhere\"\n[api]"),
              FailsWith(ErrorCode::malformed, HasSubstr("broker.endpoint")));
  EXPECT_THAT(agent("[api]", "endpiont = \"tcp://a:1\"\n[api]"),
              FailsWith(ErrorCode::malformed, HasSubstr("did you mean \"endpoint\"?")));
}

TEST(AgentConfig, RefusesAnIdThatIsNone) {
  EXPECT_THAT(agent("kz.customs", "KZ"),
              FailsWith(ErrorCode::malformed, StartsWith("agent.toml:1: agency:")));
}

TEST(OperatorConfig, IsReadWhole) {
  KERUEN_ASSERT_OK(const auto config, decode_operator_config(kOperator, "etc/admin.toml"));
  EXPECT_EQ(config.name.text(), "duty");
  EXPECT_EQ(config.key_file, "etc/duty.key");
  EXPECT_EQ(config.broker_key.bytes[31], 0x1f);
}

TEST(OperatorConfig, RefusesAKeyThatIsNone) {
  EXPECT_THAT(admin("0001", "01"), FailsWith(ErrorCode::malformed, HasSubstr("64 hexadecimal")));
  EXPECT_THAT(admin("0001", "zz01"), FailsWith(ErrorCode::malformed, HasSubstr("broker.key")));
  EXPECT_THAT(admin("\"duty\"", "\"Duty officer\""),
              FailsWith(ErrorCode::malformed, StartsWith("admin.toml:1: name:")));
  EXPECT_THAT(admin("[broker]", "[broker]\ncolour = 1"),
              FailsWith(ErrorCode::malformed, HasSubstr("unknown key \"broker.colour\"")));
}

// ---- decode(encode(x)) == x ----

std::string any_text() {
  static const std::vector<std::string> kPieces = {"a", "Z", "0", "/", ".", " ", "\"",   "\\", "#",
                                                   "=", "[", "'", "é", "Қ", "🚚", "\x7f", "-"};
  const auto pieces = *rc::gen::resize(
      20,
      rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(rc::gen::elementOf(kPieces))));
  std::string text;
  for (const auto& piece : pieces) text += piece;
  return text;
}

std::string any_optional_text() { return *rc::gen::arbitrary<bool>() ? any_text() : ""; }

JournalConfig any_journal() {
  return {static_cast<JournalLevel>(*rc::gen::inRange(1, 5)), any_optional_text()};
}

TEST(BrokerConfig, SurvivesWritingAndReading) {
  EXPECT_TRUE(rc::check([] {
    BrokerConfig config;
    config.origin = *Origin::parse("kz.exchange");
    config.endpoint = "tcp://host:" + std::to_string(*rc::gen::inRange(0, 65536));
    config.transport_key_file = any_text();
    config.log_key_file = any_text();
    config.credential_file = any_optional_text();
    config.log_directory = any_text();
    config.segment_bytes = *rc::gen::inRange<std::uint64_t>(1024, 262144) * 4096;
    config.guard_file = any_text();
    config.index_file = any_text();
    config.registry_file = any_text();
    config.authorities_file = any_text();
    config.agents_max = *rc::gen::inRange<std::uint64_t>(1, kRegistryAgenciesMax + 1);
    config.journal = any_journal();
    const auto again = decode_broker_config(encode_broker_config(config), "broker.toml");
    RC_ASSERT(again.has_value());
    RC_ASSERT((*again == config));
  }));
}

TEST(AgentConfig, SurvivesWritingAndReading) {
  EXPECT_TRUE(rc::check([] {
    AgentConfig config;
    config.agency = *AgencyId::parse("kz.customs");
    config.keys_directory = any_text();
    config.credential_file = any_optional_text();
    config.store_directory = any_text();
    if (*rc::gen::arbitrary<bool>()) config.keep = std::chrono::days(*rc::gen::inRange(62, 36'501));
    config.invitation_file = any_text();
    config.broker_endpoint = *rc::gen::arbitrary<bool>() ? "tcp://[::1]:7400" : "";
    config.socket_file = "agent.sock";
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
      config.officers[any_text()] = {any_text(), any_text(), any_optional_text(),
                                     any_optional_text()};
    }
    if (*rc::gen::arbitrary<bool>()) config.forwarder = {"o" + any_text(), "i" + any_text()};
    config.journal = any_journal();
    const auto again = decode_agent_config(encode_agent_config(config), "agent.toml");
    RC_ASSERT(again.has_value());
    RC_ASSERT((*again == config));
  }));
}

TEST(OperatorConfig, SurvivesWritingAndReading) {
  EXPECT_TRUE(rc::check([](const std::array<std::uint8_t, 32>& key) {
    OperatorConfig config;
    config.name = *OperatorName::parse("duty");
    config.origin = *Origin::parse("kz.exchange");
    config.broker_endpoint = "tcp://host:1";
    config.broker_key.bytes = key;
    config.key_file = any_text();
    config.credential_file = any_optional_text();
    const auto again = decode_operator_config(encode_operator_config(config), "admin.toml");
    RC_ASSERT(again.has_value());
    RC_ASSERT((*again == config));
  }));
}

}  // namespace
}  // namespace keruen::host
