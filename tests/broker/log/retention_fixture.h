// A log of real batches in several segments, and what was receipted of them.
#pragma once

#include <map>

#include "tests/broker/log/log_fixture.h"
#include "tests/support/test_exchange.h"

namespace keruen::log {

inline constexpr std::chrono::hours kTestKept{24};

class RetentionTest : public LogTest {
 public:
  RetentionTest() : exchange_({"kz.border-guard", "kz.customs", "kz.prosecutor"}) {
    exchange_.learn_founding();
    batches_kept_ = kTestKept;
    stream_ = exchange_.open_stream("kz.border-guard");
    back_ = exchange_.open_stream("kz.customs");
  }

  void append_record(Record record) {
    record.accepted_at = exchange_.clock().wall();
    ASSERT_THAT(append({record}), IsOk());
    written_.push_back(std::move(record));
  }
  void append_batch(const TestBatch& batch, std::vector<wire::Refusal> refusals = {}) {
    Record record;
    record.hash = batch.verified->hash;
    record.refusals = std::move(refusals);
    record.bytes = batch.bytes;
    append_record(std::move(record));
  }
  void append_messages(const std::vector<TestMessage>& messages,
                       std::vector<wire::Refusal> refusals = {}) {
    append_batch(exchange_.messages(stream_, messages), std::move(refusals));
  }
  // A log of one batch.
  void append_log_of(const std::vector<TestMessage>& messages,
                     std::vector<LeavesReceipted> receipted,
                     std::vector<wire::Refusal> refusals = {}) {
    open_log();
    append_messages(messages, std::move(refusals));
    receipted_[written_.back().hash] = std::move(receipted);
  }
  // A day's mail over about three segments: to both, to one, receipts, a directory entry.
  void append_mail() {
    for (int i = 0; i < 8; ++i) {
      append_messages({{{"kz.customs"}, std::string(700, 'x')},
                       {{"kz.prosecutor", "kz.customs"}},
                       {{"kz.prosecutor"}, std::string(500, 'y')}});
      // Customs has receipted what is to it alone, and of some also the other.
      receipted_[written_.back().hash] = {
          {agency_named("kz.customs"),
           i % 2 == 0 ? std::vector<std::uint32_t>{0} : std::vector<std::uint32_t>{0, 1}}};
      if (i % 3 == 0) receipt_in_full(written_.back().hash);
      append_batch(
          exchange_.receipts(back_, {{"kz.border-guard", written_.back().hash, {{0, 0}}}}));
      append_record(make_record(4));  // of the directory
    }
  }
  void receipt_in_full(const Digest& batch) {
    receipted_[batch] = {{agency_named("kz.customs"), {0, 1}},
                         {agency_named("kz.prosecutor"), {1, 2}}};
  }
  // So long after it that every segment but the last is due.
  void let_time_pass() {
    exchange_.clock().advance(kTestKept + std::chrono::milliseconds{1});
    append_record(make_record(4));
  }

  [[nodiscard]] Result<Log::Dropped> drop_a_piece(std::size_t bytes_max = 4096) {
    return log_->drop_bodies(
        [this](const Digest& batch, WallTime until) -> Result<std::vector<LeavesReceipted>> {
          asked_until_ = until;
          return receipted_[batch];
        },
        bytes_max);
  }
  // Until nothing is due; the number of segments cut down.
  [[nodiscard]] Result<std::size_t> drop_everything() {
    std::size_t segments = 0;
    while (true) {
      KERUEN_TRY(const auto dropped, drop_a_piece());
      if (dropped == Log::Dropped::nothing_due) return segments;
      if (dropped == Log::Dropped::a_segment) ++segments;
    }
  }
  void open_to_drop() {
    open_log();
    if (log_) log_->set_dropping(Log::Dropping::allowed);
  }

  [[nodiscard]] std::size_t files(std::string_view suffix) {
    const auto names = disk_.list("log");
    EXPECT_THAT(names, IsOk());
    return static_cast<std::size_t>(std::ranges::count_if(
        *names, [&](const std::string& name) { return name.ends_with(suffix); }));
  }
  [[nodiscard]] Record proof_of_entry(std::uint64_t index) {
    const auto proof =
        proof_of(written_[index],
                 [this](const Digest& batch, WallTime) -> Result<std::vector<LeavesReceipted>> {
                   return receipted_[batch];
                 },
                 {});
    EXPECT_THAT(proof, IsOk());
    return *proof;
  }
  // Every entry is what was written or what must be left of it, and the tree is as it was.
  void expect_nothing_lost() {
    ASSERT_EQ(log_->size().value, written_.size());
    std::vector<Digest> leaves;
    for (std::uint64_t i = 0; i < written_.size(); ++i) {
      KERUEN_ASSERT_OK(const Record record, log_->read({i}));
      ASSERT_TRUE(record == written_[i] || record == proof_of_entry(i)) << "entry " << i;
      leaves.push_back(leaf_of(record));
    }
    EXPECT_EQ(log_->root(), certs::merkle_root(leaves));
  }

  TestExchange exchange_;
  TestStream stream_;
  TestStream back_;
  std::map<Digest, std::vector<LeavesReceipted>> receipted_;
  WallTime asked_until_;
};

}  // namespace keruen::log
