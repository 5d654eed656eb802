#include "broker/gateway/doorkeeper.h"

#include <algorithm>
#include <charconv>

#include "certs/hash.h"
#include "schemas/host/journal.h"

namespace keruen::gateway {
namespace {

// Frames of a request: version, request id, domain, address, routing id, mechanism, credentials.
constexpr std::size_t kVersion = 0;
constexpr std::size_t kRequestId = 1;
constexpr std::size_t kDomain = 2;
constexpr std::size_t kAddress = 3;
constexpr std::size_t kMechanism = 5;
constexpr std::size_t kCurveKey = 6;
constexpr std::size_t kCurveFrames = 7;
constexpr std::string_view kZapVersion = "1.0";
constexpr std::size_t kKeysShutMax = 16 * 1024;
constexpr std::size_t kKeysCountedMax = 16 * 1024;
constexpr std::size_t kReportedMax = 1024;
constexpr std::chrono::minutes kReportEvery{1};

Bytes text(std::string_view value) { return copy_of(bytes_of(value)); }

std::vector<Bytes> reply(const Bytes& request_id, std::string_view code, std::string_view words,
                         std::string_view user_id) {
  return {text(kZapVersion), request_id, text(code), text(words), text(user_id), Bytes()};
}

}  // namespace

std::string user_id_of(const Admission& admission) {
  return admission.key.hex() + '/' + std::to_string(admission.connection.value);
}

std::optional<Admission> admission_of(std::string_view user_id) {
  const auto slash = user_id.find('/');
  if (slash == user_id.npos) return std::nullopt;
  const auto key = KeyId::from_hex(user_id.substr(0, slash));
  const std::string_view number = user_id.substr(slash + 1);
  const char* past = number.data() + number.size();
  broker::ConnectionId connection;
  const auto [end, error] = std::from_chars(number.data(), past, connection.value);
  if (!key || error != std::errc{} || end != past) return std::nullopt;
  return Admission{*key, connection};
}

std::vector<Bytes> Doorkeeper::answer(const std::vector<Bytes>& request, MonotonicTime now) {
  if (request.size() <= kRequestId) return {};
  const Bytes& id = request[kRequestId];
  const auto refuse = [&](std::string_view name, std::string_view why) {
    const std::string_view address =
        request.size() > kAddress ? text_of(request[kAddress]) : std::string_view();
    report(name, address, why, now);
    return reply(id, "400", "refused", "");
  };
  if (text_of(request[kVersion]) != kZapVersion || request.size() != kCurveFrames) {
    return refuse("", "a connection without CURVE, or of another ZAP version");
  }
  if (text_of(request[kDomain]) != kZapDomain) return refuse("", "another ZAP domain");
  if (text_of(request[kMechanism]) != "CURVE") return refuse("", "a connection without CURVE");
  const auto key = TransportPublicKey::from(request[kCurveKey]);
  if (!key) return refuse("", "a CURVE key of the wrong length");
  const KeyId key_id = certs::key_id_of(*key);
  if (is_shut(key_id, now)) return refuse(key_id.hex(), "broke the protocol a moment ago");
  if (!admits_(key_id)) return refuse(key_id.hex(), "a key nobody holds");
  if (comes_too_often(key_id, now)) return refuse(key_id.hex(), "connects too often");
  last_admitted_ = last_admitted_.next();
  return reply(id, "200", "OK", user_id_of({key_id, last_admitted_}));
}

void Doorkeeper::shut(const KeyId& transport_key, MonotonicTime until) {
  if (shut_.size() >= kKeysShutMax) shut_.erase(shut_.begin());
  shut_[transport_key] = until;
}

bool Doorkeeper::is_shut(const KeyId& transport_key, MonotonicTime now) {
  const auto found = shut_.find(transport_key);
  if (found == shut_.end()) return false;
  if (found->second > now) return true;
  shut_.erase(found);
  return false;
}

bool Doorkeeper::comes_too_often(const KeyId& transport_key, MonotonicTime now) {
  const auto found = admitted_until_.find(transport_key);
  const auto until = found == admitted_until_.end() ? now : std::max(now, found->second);
  if (until - now > kAdmissionEvery * (kAdmissionsMax - 1)) return true;
  if (found != admitted_until_.end()) {
    found->second = until + kAdmissionEvery;
    return false;
  }
  if (admitted_until_.size() >= kKeysCountedMax) {
    std::erase_if(admitted_until_, [now](const auto& one) { return one.second <= now; });
  }
  if (admitted_until_.size() >= kKeysCountedMax) admitted_until_.erase(admitted_until_.begin());
  admitted_until_.emplace(transport_key, until + kAdmissionEvery);
  return false;
}

void Doorkeeper::report(std::string_view name, std::string_view address, std::string_view why,
                        MonotonicTime now) {
  const std::string_view told = name.empty() ? address : name;
  const auto found = reported_.find(told);
  if (found != reported_.end() && now - found->second < kReportEvery) return;
  if (found == reported_.end() && reported_.size() >= kReportedMax) {
    reported_.erase(reported_.begin());
  }
  reported_.insert_or_assign(std::string(told), now);
  journal_.write(host::JournalLevel::warning, "door_refused",
                 {{"key", name}, {"address", address}, {"why", why}});
}

}  // namespace keruen::gateway
