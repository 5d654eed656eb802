// Keruen as a contender: sealed, signed, every store synced, receipts included.
#include <algorithm>
#include <thread>

#include "tests/bench/contender.h"
#include "tests/bench/meter.h"
#include "tests/bench/stream.h"

namespace keruen::bench {
namespace {

constexpr std::uint64_t kTogetherBytesMax = 2 * 1024 * 1024;

class Keruen final : public Contender {
 public:
  explicit Keruen(std::unique_ptr<Site> site) : site_(std::move(site)) {}

  [[nodiscard]] std::string_view name() const override { return "keruen"; }

  [[nodiscard]] Result<Throughput> throughput(const Load& load) override {
    const std::size_t pairs = site_->agents() / 2;
    const std::uint64_t each = load.messages / pairs;
    const auto together =
        std::clamp<std::uint64_t>(kTogetherBytesMax / load.message_bytes, 1, load.together);
    const Meter meter(site_->broker());
    std::vector<Result<void>> ended(pairs);
    std::vector<std::thread> senders;
    for (std::size_t pair = 0; pair < pairs; ++pair) {
      senders.emplace_back([this, pair, pairs, each, together, &load, &ended] {
        Stream stream(site_->agent(pair), site_->agent(pairs + pair), load.message_bytes,
                      Lane::routine, together);
        ended[pair] = stream.send(each);
        if (ended[pair]) ended[pair] = stream.wait_for_receipts();
      });
    }
    for (auto& sender : senders) sender.join();
    for (const auto& end : ended) {
      if (!end) return fail(end.error());
    }
    return meter.read(each * pairs);
  }

  [[nodiscard]] Result<Latency> latency(const SteadyLoad& load) override {
    SiteAgent& from = site_->agent(0);
    SiteAgent& to = site_->agent(site_->agents() / 2);
    const std::uint64_t arrived_before = to.events();
    const Schedule schedule(load);
    const std::uint64_t count = schedule.messages();
    std::vector<Schedule::Moment> arrived(count);
    std::uint64_t known = 0;  // the engine thread's
    to.on_events([&](std::uint64_t newest) {
      const auto now = std::chrono::steady_clock::now();
      for (; known < std::min(newest - arrived_before, count); ++known) arrived[known] = now;
    });
    for (std::uint64_t next = 0; next < count;) {
      std::this_thread::sleep_until(schedule.due(next));
      std::vector<engine::SubmitRequest> requests;
      for (const auto now = std::chrono::steady_clock::now();
           next < count && schedule.due(next) <= now;) {
        requests.push_back(notice_to(to.id(), payload(load.message_bytes, next++), Lane::routine));
      }
      KERUEN_CHECK(hand_over(from, requests));
    }
    const bool all = to.wait_for_events(arrived_before + count, kPatience);
    to.on_events({});
    if (!all) return fail(ErrorCode::io_failed, "messages did not arrive");
    return schedule.latency(arrived);
  }

 private:
  std::unique_ptr<Site> site_;
};

}  // namespace

Result<std::unique_ptr<Contender>> start_keruen(std::size_t pairs) {
  KERUEN_TRY(auto site, Site::make(2 * pairs));
  return std::make_unique<Keruen>(std::move(site));
}

}  // namespace keruen::bench
