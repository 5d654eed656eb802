#include "certs/snapshot_assembly.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/certs/sample_exchange.h"
#include "tests/support/matchers.h"

namespace keruen::certs {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class SnapshotAssemblyTest : public ::testing::Test {
 protected:
  SnapshotAssemblyTest() { exchange_.add_agency("kz.customs"); }
  [[nodiscard]] static wire::SnapshotHead outline_of(const wire::UnverifiedSnapshot& snapshot) {
    wire::SnapshotHead outline{snapshot.head, snapshot.signatures, {}};
    for (const Bytes& entry : snapshot.entries) outline.entries.push_back(sha256(entry));
    return outline;
  }
  [[nodiscard]] Result<SnapshotAssembly> begin(const wire::SnapshotHead& outline) const {
    return SnapshotAssembly::begin(outline, exchange_.origin, exchange_.authorities,
                                   [this](const Digest& hash) -> const Bytes* {
                                     const auto found = known_.find(hash);
                                     return found == known_.end() ? nullptr : &found->second;
                                   });
  }
  void know(const std::vector<Bytes>& entries) {
    for (const Bytes& entry : entries) known_[sha256(entry)] = entry;
  }

  SampleExchange exchange_{1, 3, 2};
  std::map<Digest, Bytes> known_;
};

TEST_F(SnapshotAssemblyTest, AsksOnlyForWhatIsNotHereAndBecomesWhatWasSigned) {
  know(exchange_.publish().entries);
  exchange_.add_agency("kz.prosecutor");
  const auto next = exchange_.publish();
  KERUEN_ASSERT_OK(auto assembly, begin(outline_of(next)));
  EXPECT_EQ(assembly.hash(), sha256(next.head));
  EXPECT_THAT(assembly.wanted(), SizeIs(1));
  EXPECT_FALSE(assembly.is_complete());
  EXPECT_EQ(assembly.add(next.entries), 1U);
  ASSERT_TRUE(assembly.is_complete());
  EXPECT_EQ(assembly.take(), next);
}

TEST_F(SnapshotAssemblyTest, LeavesOutWhatIsNotMissing) {
  const auto registry = exchange_.publish();
  KERUEN_ASSERT_OK(auto assembly, begin(outline_of(registry)));
  EXPECT_EQ(assembly.add({Bytes(40, 1)}), 0U);
  EXPECT_EQ(assembly.add({registry.entries.front()}), 1U);
  EXPECT_EQ(assembly.add({registry.entries.front()}), 0U) << "it is here";
  EXPECT_THAT(assembly.wanted(), SizeIs(registry.entries.size() - 1));
}

TEST_F(SnapshotAssemblyTest, IsNotBegunForAHeadThatTooFewSigned) {
  auto outline = outline_of(exchange_.publish());
  outline.signatures.pop_back();
  EXPECT_THAT(begin(outline), FailsWith(ErrorCode::bad_signature, HasSubstr("signed by 1 of")));
  outline.signatures.push_back(outline.signatures.front());
  EXPECT_THAT(begin(outline), FailsWith(ErrorCode::bad_signature)) << "one authority twice";
}

TEST_F(SnapshotAssemblyTest, IsNotBegunForAnotherExchange) {
  exchange_.origin = *Origin::parse("kg.exchange");
  const auto outline = outline_of(exchange_.publish());
  exchange_.origin = *Origin::parse("kz.exchange");
  EXPECT_THAT(begin(outline), FailsWith(ErrorCode::denied));
}

TEST_F(SnapshotAssemblyTest, IsNotBegunForAnOutlineThatDoesNotNameAll) {
  auto outline = outline_of(exchange_.publish());
  outline.entries.pop_back();
  EXPECT_THAT(begin(outline), FailsWith(ErrorCode::malformed));
}

// Each would be a copy.
TEST_F(SnapshotAssemblyTest, IsNotBegunForAnOutlineThatNamesAnEntryTwice) {
  auto outline = outline_of(exchange_.publish());
  outline.entries.back() = outline.entries.front();
  EXPECT_THAT(begin(outline), FailsWith(ErrorCode::malformed, HasSubstr("twice")));
}

// As many as the head says, and all of them somebody's invention.
class LargeEntries : public SnapshotAssemblyTest {
 protected:
  static constexpr std::size_t kEntries = kSnapshotBytesMax / kRegistryEntryBytesMax + 1;
  LargeEntries() {
    for (std::size_t i = exchange_.entries().size(); i < kEntries; ++i) {
      exchange_.add_group("kz.group-" + std::to_string(i), {"kz.customs"});
    }
    outline_ = outline_of(exchange_.publish());
    for (std::size_t i = 0; i < kEntries; ++i) {
      Bytes entry(kRegistryEntryBytesMax);
      entry[0] = static_cast<std::uint8_t>(i);
      outline_.entries[i] = sha256(entry);
      large_.push_back(std::move(entry));
    }
  }
  wire::SnapshotHead outline_;
  std::vector<Bytes> large_;
};

TEST_F(LargeEntries, TakeNoMoreBytesThanARegistryMay) {
  KERUEN_ASSERT_OK(auto assembly, begin(outline_));
  EXPECT_THAT(assembly.add(large_), FailsWith(ErrorCode::too_large));
}

TEST_F(LargeEntries, ThatAreHereTakeNoMoreEither) {
  know(large_);
  EXPECT_THAT(begin(outline_), FailsWith(ErrorCode::too_large));
}

}  // namespace
}  // namespace keruen::certs
