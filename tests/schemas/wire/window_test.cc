// What a window lets out over lines of every kind, played step by step: who sends has always more.
#include "schemas/wire/window.h"

#include <gtest/gtest.h>

#include "schemas/limits.h"

namespace keruen::wire {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Seconds = std::chrono::duration<double>;

constexpr std::uint64_t kPieceMost = 16 * 1024;

class Line {
 public:
  double bytes_per_second = 8'000;
  Seconds delay{0.05};    // one way
  Seconds words_held{0};  // and then let go together, once
  bool is_down = false;
  std::uint64_t offered_per_step = UINT64_MAX;

  void run(Seconds time) {
    const auto end = now_ + std::chrono::duration_cast<MonotonicTime::duration>(time);
    for (; now_ < end; now_ += kStep) step();
  }
  [[nodiscard]] std::uint64_t under_way() const { return under_way_; }
  [[nodiscard]] std::uint64_t delivered() const { return delivered_; }
  // What somebody would wait who is sent something now.
  [[nodiscard]] Seconds wait() const {
    return Seconds{static_cast<double>(queued_) / bytes_per_second};
  }
  [[nodiscard]] Seconds longest_wait_in(Seconds time) {
    longest_wait_ = Seconds{0};
    run(time);
    return longest_wait_;
  }
  Window window;

 private:
  static constexpr milliseconds kStep{10};
  void step() {
    offered_ = offered_per_step == UINT64_MAX ? UINT64_MAX : offered_ + offered_per_step;
    while (true) {
      const std::uint64_t room = std::min(
          {window.left(under_way_, now_), kPieceMost, offered_, kCreditBytesDefault - under_way_});
      if (room == 0) break;
      window.sent(room, under_way_, now_);
      under_way_ += room;
      queued_ += room;
      if (offered_ != UINT64_MAX) offered_ -= room;
      pieces_.push_back(room);
    }
    longest_wait_ = std::max(longest_wait_, wait());
    if (!is_down) {
      carried_ += bytes_per_second * Seconds{kStep}.count();
      while (!pieces_.empty() && carried_ >= static_cast<double>(pieces_.front())) {
        carried_ -= static_cast<double>(pieces_.front());
        queued_ -= pieces_.front();
        // The recipient's word waits a tenth of a second for more.
        words_.push_back({pieces_.front(), now_ + in_steps(2 * delay) + milliseconds(100)});
        pieces_.pop_front();
      }
      if (pieces_.empty()) carried_ = 0;
    }
    if (words_held.count() > 0) {
      words_held -= kStep;
      return;
    }
    while (!words_.empty() && words_.front().at <= now_) {
      under_way_ -= words_.front().bytes;
      delivered_ += words_.front().bytes;
      window.stored(words_.front().bytes, under_way_, now_);
      words_.pop_front();
    }
  }
  static MonotonicTime::duration in_steps(Seconds time) {
    return std::chrono::duration_cast<milliseconds>(time);
  }

  struct Word {
    std::uint64_t bytes;
    MonotonicTime at;
  };
  MonotonicTime now_{seconds(100)};
  std::uint64_t offered_ = 0;
  std::uint64_t under_way_ = 0;
  std::uint64_t queued_ = 0;
  std::uint64_t delivered_ = 0;
  double carried_ = 0;
  Seconds longest_wait_{0};
  std::deque<std::uint64_t> pieces_;
  std::deque<Word> words_;
};

TEST(Window, AFastLineIsFilledWithinASecond) {
  Line line;
  line.bytes_per_second = 100e6;
  line.delay = Seconds{0.001};
  line.run(seconds(1));
  EXPECT_GT(line.window.bytes_max(), kCreditBytesDefault);
}

TEST(Window, LittleWaitsOnAThinLineAndItIsNeverIdle) {
  for (const double rate : {8'000.0, 64'000.0}) {
    Line line;
    line.bytes_per_second = rate;
    line.run(seconds(30));
    const auto before = line.delivered();
    EXPECT_LT(line.longest_wait_in(seconds(120)), seconds(8)) << rate;
    EXPECT_GT(static_cast<double>(line.delivered() - before), 0.9 * 120 * rate);
  }
}

TEST(Window, WordsThatComeTogetherAreNoFastLine) {
  Line line;
  line.run(seconds(30));
  for (int time = 0; time < 5; ++time) {
    line.words_held = Seconds{4};
    line.run(seconds(30));
  }
  EXPECT_LT(line.longest_wait_in(seconds(60)), seconds(10));
}

// By satellite each word takes seconds, and the line is not thin for that.
TEST(Window, ALongWayIsFilled) {
  for (const double delay : {0.3, 0.75, 1.25}) {
    Line line;
    line.bytes_per_second = 128'000;
    line.delay = Seconds{delay};
    line.run(seconds(60));
    EXPECT_GT(static_cast<double>(line.delivered()), 0.6 * 60 * line.bytes_per_second) << delay;
  }
}

TEST(Window, ALineThatBecomesThinIsNoticedAtItsNextWord) {
  Line line;
  line.bytes_per_second = 1e6;
  line.run(seconds(10));
  line.bytes_per_second = 20'000;
  line.run(seconds(300));
  EXPECT_LT(line.longest_wait_in(seconds(60)), seconds(8));
}

TEST(Window, WhileALineIsDownLittleIsAdded) {
  Line line;
  line.run(seconds(30));
  line.is_down = true;
  line.run(seconds(120));
  EXPECT_LT(line.wait(), seconds(30));
  line.is_down = false;
  line.run(seconds(120));
  EXPECT_LT(line.longest_wait_in(seconds(60)), seconds(8));
}

TEST(Window, ATrickleDoesNotMakeALineThin) {
  Line line;
  line.bytes_per_second = 10e6;
  line.run(seconds(5));
  const auto before = line.window.bytes_max();
  line.offered_per_step = 200;
  line.run(seconds(60));
  EXPECT_GE(line.window.bytes_max(), before / 2);
}

}  // namespace
}  // namespace keruen::wire
