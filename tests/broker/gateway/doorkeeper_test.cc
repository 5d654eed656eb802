#include "broker/gateway/doorkeeper.h"

#include <gtest/gtest.h>

#include "certs/hash.h"
#include "tests/support/memory_journal.h"

namespace keruen::gateway {
namespace {

Bytes text(std::string_view value) { return copy_of(bytes_of(value)); }

std::vector<Bytes> request(std::string_view mechanism, std::string_view domain, const Bytes& key) {
  return {text("1.0"), text("7"), text(domain), text("10.0.0.7"), text(""), text(mechanism), key};
}

class DoorkeeperTest : public ::testing::Test {
 protected:
  const Bytes known_ = Bytes(32, 1);
  const KeyId known_id_ = certs::key_id_of(BytesView(known_));
  const Bytes other_ = Bytes(32, 3);
  const KeyId other_id_ = certs::key_id_of(BytesView(other_));
  MemoryJournal journal_;
  Doorkeeper doorkeeper_{[this](const KeyId& key) { return key == known_id_ || key == other_id_; },
                         journal_};
  std::string code_for(const Bytes& key, MonotonicTime now) {
    return code_of(doorkeeper_.answer(request("CURVE", kZapDomain, key), now));
  }
  std::string code_of(const std::vector<Bytes>& reply) { return std::string(text_of(reply.at(2))); }
};

TEST_F(DoorkeeperTest, AdmitsAKnownCurveKeyUnderItsKeyIdAndANumberOfItsOwn) {
  for (const std::uint64_t number : {1, 2}) {
    const auto reply = doorkeeper_.answer(request("CURVE", kZapDomain, known_), {});
    EXPECT_EQ(code_of(reply), "200");
    EXPECT_EQ(admission_of(text_of(reply.at(4))), (Admission{known_id_, {number}}));
    EXPECT_EQ(doorkeeper_.last_admitted().value, number);
  }
}

TEST_F(DoorkeeperTest, GivesARefusedConnectionNoNumber) {
  const auto reply = doorkeeper_.answer(request("CURVE", kZapDomain, Bytes(32, 2)), {});
  EXPECT_EQ(text_of(reply.at(4)), "");
  EXPECT_EQ(doorkeeper_.last_admitted().value, 0u);
}

TEST(Admission, IsNoOtherText) {
  const std::string key = KeyId{}.hex();
  ASSERT_TRUE(admission_of(key + "/18446744073709551615"));
  const std::vector<std::string> others = {"",
                                           key,
                                           key + "/",
                                           "/1",
                                           key + "1",
                                           key + "/x",
                                           key + "/1x",
                                           key + "/-1",
                                           key.substr(2) + "/1",
                                           key + "/18446744073709551616"};
  for (const std::string& other : others) EXPECT_FALSE(admission_of(other)) << other;
}

TEST_F(DoorkeeperTest, RefusesAnUnknownKey) {
  EXPECT_EQ(code_of(doorkeeper_.answer(request("CURVE", kZapDomain, Bytes(32, 2)), {})), "400");
}

TEST_F(DoorkeeperTest, RefusesAConnectionWithoutCurve) {
  EXPECT_EQ(code_of(doorkeeper_.answer(request("NULL", kZapDomain, known_), {})), "400");
}

TEST_F(DoorkeeperTest, RefusesAnotherDomain) {
  EXPECT_EQ(code_of(doorkeeper_.answer(request("CURVE", "", known_), {})), "400");
}

TEST_F(DoorkeeperTest, KeepsAShutKeyOutForAsLongAsSaid) {
  const MonotonicTime now{};
  doorkeeper_.shut(known_id_, now + std::chrono::seconds{30});
  EXPECT_EQ(code_of(doorkeeper_.answer(request("CURVE", kZapDomain, known_), now)), "400");
  EXPECT_EQ(code_of(doorkeeper_.answer(request("CURVE", kZapDomain, known_),
                                       now + std::chrono::seconds{31})),
            "200");
}

// Each connection may claim a routing id that ZeroMQ gives out next, and costs before it is heard.
TEST_F(DoorkeeperTest, AdmitsOneKeySoOftenAndOthersBesideIt) {
  MonotonicTime now{};
  for (std::size_t i = 0; i < kAdmissionsMax; ++i) {
    ASSERT_EQ(code_for(known_, now), "200") << i;
    now += std::chrono::milliseconds{10};
  }
  for (int i = 0; i < 100; ++i) EXPECT_EQ(code_for(known_, now), "400");
  EXPECT_EQ(journal_.count("door_refused"), 1u) << "a line for each would fill the disk";
  EXPECT_EQ(code_for(other_, now), "200");
}

TEST_F(DoorkeeperTest, AdmitsAKeyThatCameTooOftenOnceInAWhile) {
  MonotonicTime now{};
  for (std::size_t i = 0; i < kAdmissionsMax; ++i) ASSERT_EQ(code_for(known_, now), "200");
  for (int i = 0; i < 20; ++i) {
    now += kAdmissionEvery - std::chrono::milliseconds{1};
    EXPECT_EQ(code_for(known_, now), "400");
    now += std::chrono::milliseconds{1};
    EXPECT_EQ(code_for(known_, now), "200");
  }
  now += kAdmissionEvery * kAdmissionsMax;
  for (std::size_t i = 0; i < kAdmissionsMax; ++i) ASSERT_EQ(code_for(known_, now), "200");
  EXPECT_EQ(code_for(known_, now), "400");
}

}  // namespace
}  // namespace keruen::gateway
