// An agency's engine and everything its API stands on, for the API's fuzz targets.
// Shape: a real store in a temporary folder, a real engine on its thread; no broker, so no registry
// arrives, nothing can be submitted, and every input meets the same state.
// Threads: one.   Lifetime: what it hands out borrows it.
#pragma once

#include "agents/api/event_signal.h"
#include "agents/api/uploads.h"
#include "agents/engine/engine_thread.h"
#include "agents/store/reader.h"
#include "agents/store/store.h"
#include "schemas/host/posix_disk.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test_exchange.h"
#include "tests/support/turned_clock.h"

namespace keruen {

class ApiParty {
 public:
  ApiParty() : clock_(exchange_.clock().now()), store_key_(32) {
    const TestAgency& agency = exchange_.agency(kAgency);
    engine::InitialKeys keys;
    keys.identity = *certs::SigningKeyPair::from_seed(agency.identity.seed());
    keys.signing = *certs::SigningKeyPair::from_seed(agency.signing.seed());
    keys.transport = *certs::TransportKeyPair::from_secret(agency.transport.secret());
    engine::EngineOptions options;
    options.agency = agency.id;
    options.origin = exchange_.origin();
    options.trusted = exchange_.authorities();
    options.log_keys = {exchange_.log_key().public_key()};
    options.broker_endpoint = "tcp://127.0.0.1:1";
    options.broker_key = exchange_.broker_transport().public_key();
    options.store_directory = directory_.path().string();
    store_ = *store::Store::open(store_path(), store_key_, exchange_.randomness());
    engine_ = *engine::Engine::open(std::move(options), std::move(keys), *store_,
                                    exchange_.randomness(), disk_, journal_, clock_.now());
    thread_ = *engine::EngineThread::start(*engine_, clock_, {});
    events_.announce(thread_->newest_event());
    uploads_ = *api::Uploads::open(disk_, (directory_ / "uploads").string());
  }

  [[nodiscard]] AgencyId id() const { return agency_named(kAgency); }
  [[nodiscard]] engine::EngineThread& engine() { return *thread_; }
  [[nodiscard]] api::Uploads& uploads() { return *uploads_; }
  [[nodiscard]] api::EventSignal& events() { return events_; }
  [[nodiscard]] host::Clock& clock() { return clock_; }
  [[nodiscard]] host::Journal& journal() { return journal_; }
  [[nodiscard]] std::unique_ptr<store::Reader> open_reader() const {
    return *store::Reader::open(store_path(), store_key_);
  }
  // What one input uploaded must not be there for the next.
  void forget_uploads() {
    Now later = clock_.now();
    later.monotonic += api::kUploadKept;
    uploads_->remove_old(later);
  }

 private:
  static constexpr std::string_view kAgency = "kz.customs";
  [[nodiscard]] std::string store_path() const { return (directory_ / "store.sqlite").string(); }

  TemporaryDirectory directory_;
  host::PosixDisk disk_;
  MemoryJournal journal_;
  TestExchange exchange_{{std::string(kAgency), "kz.border-guard"}};
  TurnedClock clock_;
  certs::SecretBytes store_key_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<engine::EngineThread> thread_;
  std::unique_ptr<api::Uploads> uploads_;
  api::EventSignal events_;
};

}  // namespace keruen
