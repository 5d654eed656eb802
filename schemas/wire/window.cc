#include "schemas/wire/window.h"

namespace keruen::wire {
namespace {

constexpr double kBytesMin = 4096;
constexpr double kBytesMax = 1e9;
constexpr std::chrono::duration<double> kWait{2};      // of what is urgent, behind what is not
constexpr std::chrono::duration<double> kDelayMax{3};  // of a line, beside what waits on it
constexpr std::chrono::duration<double> kLong{2};
constexpr std::chrono::duration<double> kSilence{4};  // after which a word is missed
constexpr double kForgivenOfRate = 1.0 / 8;

}  // namespace

void Window::sent(std::uint64_t bytes, std::uint64_t under_way, MonotonicTime now) {
  if (under_way == 0) {
    heard_at_ = now;
    forgiven_ = 0;
  }
  const bool fills = left(under_way + bytes, now) == 0;
  sent_bytes_ += bytes;
  sent_.push_back({sent_bytes_, now, stored_bytes_, heard_at_, fills});
}

void Window::stored(std::uint64_t bytes, std::uint64_t under_way, MonotonicTime now) {
  const std::uint64_t forgiven_before = forgiven(under_way + bytes, now);
  forgiven_ = forgiven_before - std::min(forgiven_before, bytes);
  stored_bytes_ += bytes;
  std::optional<Sent> newest;
  while (!sent_.empty() && sent_.front().end <= stored_bytes_) {
    newest = sent_.front();
    sent_.pop_front();
  }
  if (newest) measure(*newest, now);
  heard_at_ = now;
}

void Window::measure(const Sent& sent, MonotonicTime now) {
  const Seconds took = std::max<Seconds>(now - sent.heard_at, std::chrono::milliseconds(1));
  const double rate = static_cast<double>(stored_bytes_ - sent.stored) / took.count();
  delay_ = std::min<Seconds>(delay_.value_or(kDelayMax), now - sent.at);
  if (!std::exchange(is_measured_, true) || rate > bytes_per_second_) {
    bytes_per_second_ = rate;
  } else if (sent.fills || took >= kLong) {
    bytes_per_second_ += (rate - bytes_per_second_) * std::min(1.0, took / kLong);
  }
}

std::uint64_t Window::bytes_max() const {
  const Seconds time = kWait + delay_.value_or(Seconds{0});
  return static_cast<std::uint64_t>(
      std::clamp(bytes_per_second_ * time.count(), kBytesMin, kBytesMax));
}

std::uint64_t Window::forgiven(std::uint64_t under_way, MonotonicTime now) const {
  const Seconds missed = std::max(Seconds{now - heard_at_} - kSilence, Seconds{0});
  const double more = std::min(kBytesMax, missed.count() * bytes_per_second_ * kForgivenOfRate);
  return std::min(under_way, forgiven_ + static_cast<std::uint64_t>(more));
}

std::uint64_t Window::left(std::uint64_t under_way, MonotonicTime now) const {
  const std::uint64_t on_line = under_way - forgiven(under_way, now);
  const std::uint64_t left = bytes_max() - std::min(bytes_max(), on_line);
  return left < bytes_max() / 4 ? 0 : left;
}

}  // namespace keruen::wire
