// The desk's own files: what is written reads back, and nothing else reads.
#include "agents/authority/invitation.h"
#include "agents/authority/request.h"
#include "agents/authority/state.h"
#include "agents/authority/text_document.h"
#include "tests/agents/authority/desk_fixture.h"

namespace keruen::authority {
namespace {

using ::testing::HasSubstr;

class DocumentsTest : public DeskTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(found());
    auto at = desk();
    const auto all = *PartyId::parse("kz.all");
    ASSERT_THAT(allow(at, {in("authority"),
                           all,
                           *PartyId::parse("kz.customs"),
                           {MessageKind::notice, MessageKind::evidence}}),
                IsOk());
    ASSERT_THAT(make_operator(at, {in("authority"), *OperatorName::parse("duty"),
                                   wire::OperatorRole::courier, in("admin.toml")}),
                IsOk());
    ASSERT_THAT(publish_now(), IsOk());
  }
  // Every line left out, repeated, or without its key: every one but comments must matter.
  template <class Decode>
  void expect_strict(const std::string& text, Decode decode) {
    ASSERT_THAT(decode(text), IsOk());
    for (std::size_t start = 0; start < text.size();) {
      const auto end = text.find('\n', start);
      const auto line = text.substr(start, end - start + 1);
      if (line.front() != '#') {
        auto without = text;
        without.erase(start, line.size());
        // A line without its key; free text may be shorter and still be text.
        auto cut = text;
        cut.erase(start, line.find(": ") + 2);
        EXPECT_FALSE(decode(cut).has_value()) << line;
        const bool is_repeatable = line.starts_with("name: ") || line.starts_with("group: ") ||
                                   line.starts_with("rule: ") || line.starts_with("operator: ") ||
                                   line.starts_with("published-identity: ");
        if (!is_repeatable) {
          EXPECT_FALSE(decode(without).has_value()) << line;
          EXPECT_FALSE(decode(text.substr(0, start) + line + text.substr(start)).has_value())
              << line;
        }
      }
      start = end + 1;
    }
    EXPECT_THAT(decode(text + "more: 1\n"), FailsWith(ErrorCode::malformed, HasSubstr("more")));
    EXPECT_THAT(decode(text + "nonsense\n"), FailsWith(ErrorCode::malformed));
    EXPECT_THAT(decode(std::string()), FailsWith(ErrorCode::malformed));
    EXPECT_THAT(decode(std::string("keruen something 1\n")), FailsWith(ErrorCode::malformed));
  }
};

TEST_F(DocumentsTest, AnInvitationReadsBackAndIsStrict) {
  const auto text = read("authority/out/kz.customs.invitation");
  KERUEN_ASSERT_OK(const auto invitation, decode_invitation(text, "x.invitation"));
  EXPECT_EQ(encode_invitation(invitation), text);
  expect_strict(
      text, [](const std::string& changed) { return decode_invitation(changed, "x.invitation"); });
}

TEST_F(DocumentsTest, AnInvitationCarriesACheckpointItsLogSigned) {
  const auto text = read("authority/out/kz.customs.invitation");
  KERUEN_ASSERT_OK(auto invitation, decode_invitation(text, "x"));
  const auto log = certs::SigningKeyPair::generate(randomness_);
  invitation.log_keys = {log.public_key()};
  invitation.checkpoint_note = certs::sign_checkpoint({exchange_, TreeSize{7}, Digest()}, log).note;
  KERUEN_ASSERT_OK(const auto again, decode_invitation(encode_invitation(invitation), "x"));
  EXPECT_EQ(again, invitation);
  invitation.log_keys = {certs::SigningKeyPair::generate(randomness_).public_key()};
  EXPECT_THAT(decode_invitation(encode_invitation(invitation), "x"),
              FailsWith(ErrorCode::bad_signature));
}

TEST_F(DocumentsTest, AnInvitationWithARootThatDidNotIssueItIsRefused) {
  const auto text = read("authority/out/kz.customs.invitation");
  KERUEN_ASSERT_OK(auto invitation, decode_invitation(text, "x"));
  const auto key = certs::SigningKeyPair::generate(randomness_);
  KERUEN_ASSERT_OK(
      const auto root,
      certs::make_authority_certificate(
          "stranger", key, {clock_.wall(), clock_.wall() + std::chrono::hours(1)}, randomness_));
  invitation.authorities.roots = {root};
  EXPECT_THAT(decode_invitation(encode_invitation(invitation), "x"),
              FailsWith(ErrorCode::bad_signature));
  invitation.authorities.roots = {invitation.certificate};
  EXPECT_THAT(decode_invitation(encode_invitation(invitation), "x"),
              FailsWith(ErrorCode::bad_signature));
}

TEST_F(DocumentsTest, ARequestReadsBackAndIsStrict) {
  const auto text = read("customs/kz.customs.request");
  KERUEN_ASSERT_OK(const auto checked, decode_request(text, "x.request"));
  EXPECT_EQ(encode_request(checked.request), text);
  EXPECT_THAT(text, HasSubstr(certs::fingerprint_of(checked.certificate_request.public_key)));
  expect_strict(text,
                [](const std::string& changed) { return decode_request(changed, "x.request"); });
}

TEST_F(DocumentsTest, TheStateReadsBackAndIsStrict) {
  const auto text = read("authority/authority.state");
  KERUEN_ASSERT_OK(const auto state, decode_state(text, "x.state"));
  EXPECT_EQ(encode_state(state), text);
  EXPECT_EQ(state.operators.begin()->second.role, wire::OperatorRole::courier);
  EXPECT_EQ(state.version, RegistryVersion{1});
  expect_strict(text, [](const std::string& changed) { return decode_state(changed, "x.state"); });
  const auto identity = text.substr(text.find("published-identity: "));
  EXPECT_THAT(decode_state(text + identity, "x.state"),
              FailsWith(ErrorCode::malformed, HasSubstr("twice")));
}

TEST_F(DocumentsTest, AStateOfTheFirstVersionReadsAndKnowsWhatWasPublished) {
  auto text = read("authority/authority.state");
  KERUEN_ASSERT_OK(const auto state, decode_state(text, "x.state"));
  EXPECT_EQ(state.published_identities.size(), 1u);
  EXPECT_EQ(state.last_signed_at, clock_.wall());
  text.replace(0, text.find('\n'), "keruen authority 1");
  for (const std::string key : {"last-signed: ", "published-identity: "}) {
    const auto start = text.find("\n" + key) + 1;
    text.erase(start, text.find('\n', start) + 1 - start);
  }
  KERUEN_ASSERT_OK(auto before, decode_state(text, "x.state"));
  EXPECT_EQ(before.last_signed_at, state.authorities.roots.front().valid_from);
  before.last_signed_at = state.last_signed_at;
  EXPECT_EQ(before, state);
}

TEST(TextDocument, NamesPathAndLine) {
  KERUEN_ASSERT_OK(auto reader, DocumentReader::open("first 1\n# comment\n\none: 1\nagancy: kz.x\n",
                                                     "a.txt", "first 1"));
  ASSERT_THAT(reader.take_number("one"), IsOk());
  EXPECT_THAT(reader.take("agency"),
              FailsWith(ErrorCode::malformed,
                        ::testing::StrEq("a.txt:5: expected \"agency\", found \"agancy\"")));
  EXPECT_THAT(reader.finish(), FailsWith(ErrorCode::malformed));
}

TEST(TextDocument, RefusesValuesThatCouldHideSomething) {
  for (const std::string_view value : {"", " x", "x ", "a\tb", "a\x1b[2J", "\xc3"}) {
    EXPECT_TRUE(fault_of_value(value).has_value());
    EXPECT_THAT(DocumentReader::open("first 1\nkey: " + std::string(value) + "\n", "a", "first 1"),
                FailsWith(ErrorCode::malformed));
  }
  EXPECT_FALSE(fault_of_value("Комитет").has_value());
}

}  // namespace
}  // namespace keruen::authority
