#include "tests/simulation/trace.h"

#include <xxhash.h>

#include <cstdio>

namespace keruen::simulation {

struct Trace::State {
  State() : hash(XXH3_createState()) { XXH3_128bits_reset(hash); }
  ~State() { XXH3_freeState(hash); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  XXH3_state_t* hash;
};

Trace::Trace(Lines lines) : state_(std::make_unique<State>()), lines_wanted_(lines) {}
Trace::~Trace() = default;

void Trace::update(std::string_view text) {
  // The length keeps two neighbours from sliding into each other.
  const std::uint64_t size = text.size();
  XXH3_128bits_update(state_->hash, &size, sizeof size);
  XXH3_128bits_update(state_->hash, text.data(), text.size());
}

void Trace::note(std::string_view words) {
  update(words);
  if (keeps_lines()) lines_.emplace_back(words);
}

void Trace::bytes(std::string_view what, BytesView bytes) {
  update(what);
  update({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (keeps_lines()) {
    lines_.push_back(std::string(what) + ": " + std::to_string(bytes.size()) + " bytes");
  }
}

std::string Trace::hash() const {
  const XXH128_hash_t digest = XXH3_128bits_digest(state_->hash);
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%016llx%016llx",
                static_cast<unsigned long long>(digest.high64),
                static_cast<unsigned long long>(digest.low64));
  return text.data();
}

void TraceJournal::write(host::JournalLevel level, std::string_view event, Fields fields) {
  trace_.note(process_ + " " + host::encode_journal_line({WallTime{}, level, event, fields}));
}

}  // namespace keruen::simulation
