// NATS JetStream as a contender: one stream in files, explicit acknowledgements, asynchronous
// publishing. It confirms a message once it is written, and syncs to the disk every two minutes.
// Source: docs.nats.io/nats-concepts/jetstream, nats.c's nats.h.
#include "tests/bench/contender.h"

#ifdef KERUEN_BENCH_NATS

#include <nats/nats.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tests/bench/meter.h"
#include "tests/support/temporary_directory.h"

namespace keruen::bench {
namespace {

constexpr std::int64_t kWindow = 8192;
constexpr std::chrono::seconds kPatience{60};

Result<void> checked(natsStatus status, const char* doing) {
  if (status == NATS_OK) return {};
  return fail(ErrorCode::io_failed,
              std::string("jetstream, ") + doing + ": " + natsStatus_GetText(status));
}

template <class Object, void (*destroy)(Object*)>
struct Destroy {
  void operator()(Object* object) const { destroy(object); }
};
template <class Object, void (*destroy)(Object*)>
using Owned = std::unique_ptr<Object, Destroy<Object, destroy>>;
using Connection = Owned<natsConnection, natsConnection_Destroy>;
using Context = Owned<jsCtx, jsCtx_Destroy>;
using Subscription = Owned<natsSubscription, natsSubscription_Destroy>;

struct Client {
  Connection connection;
  Context stream;
};

Result<Client> connect(const std::string& url) {
  natsConnection* connection = nullptr;
  KERUEN_CHECK(checked(natsConnection_ConnectTo(&connection, url.c_str()), "connecting"));
  Client client{Connection(connection), nullptr};
  jsOptions options;
  jsOptions_Init(&options);
  options.PublishAsync.MaxPending = kWindow;
  jsCtx* context = nullptr;
  KERUEN_CHECK(checked(natsConnection_JetStream(&context, connection, &options), "connecting"));
  client.stream.reset(context);
  return client;
}

// One sender and its recipient, each with a connection.
class Pair {
 public:
  [[nodiscard]] Result<void> open(const std::string& url, std::size_t number) {
    KERUEN_TRY(sender_, connect(url));
    KERUEN_TRY(recipient_, connect(url));
    name_ = "pair-" + std::to_string(number);
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    const char* subject = name_.c_str();
    config.Name = name_.c_str();
    config.Subjects = &subject;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    KERUEN_CHECK(
        checked(js_AddStream(nullptr, sender_.stream.get(), &config, nullptr, nullptr), "stream"));
    jsSubOptions options;
    jsSubOptions_Init(&options);
    options.ManualAck = true;
    options.Config.AckPolicy = js_AckExplicit;
    options.Config.MaxAckPending = kWindow;
    natsSubscription* subscription = nullptr;
    KERUEN_CHECK(checked(js_Subscribe(&subscription, recipient_.stream.get(), name_.c_str(),
                                      &Pair::on_message, this, nullptr, &options, nullptr),
                         "subscribing"));
    subscription_.reset(subscription);
    return {};
  }

  void expect(std::uint64_t messages, std::vector<Schedule::Moment>* arrived = nullptr) {
    const std::lock_guard lock(mutex_);
    left_ = messages;
    arrived_ = arrived;
    next_ = 0;
  }
  [[nodiscard]] Result<void> publish(const std::string& text) const {
    return checked(js_PublishAsync(sender_.stream.get(), name_.c_str(), text.data(),
                                   static_cast<int>(text.size()), nullptr),
                   "publishing");
  }
  // All confirmed, all delivered and acknowledged. Then the stream is emptied.
  [[nodiscard]] Result<void> finish() {
    KERUEN_CHECK(checked(js_PublishAsyncComplete(sender_.stream.get(), nullptr), "confirming"));
    {
      std::unique_lock lock(mutex_);
      if (!done_.wait_for(lock, kPatience, [&] { return left_ == 0; })) {
        return fail(ErrorCode::io_failed, "jetstream: messages did not arrive");
      }
    }
    // Acknowledgements are on their way until the server has answered something later.
    return checked(natsConnection_Flush(recipient_.connection.get()), "acknowledging");
  }
  [[nodiscard]] Result<void> empty() const {
    return checked(js_PurgeStream(sender_.stream.get(), name_.c_str(), nullptr, nullptr),
                   "emptying");
  }

 private:
  static void on_message(natsConnection* /*connection*/, natsSubscription* /*subscription*/,
                         natsMsg* message, void* self) {
    static_cast<Pair*>(self)->take(message);
  }
  void take(natsMsg* message) {
    natsMsg_Ack(message, nullptr);
    natsMsg_Destroy(message);
    const std::lock_guard lock(mutex_);
    if (arrived_ != nullptr) (*arrived_)[next_++] = std::chrono::steady_clock::now();
    if (--left_ == 0) done_.notify_all();
  }

  std::string name_;
  Client sender_;
  Client recipient_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::uint64_t left_ = 0;
  std::uint64_t next_ = 0;
  std::vector<Schedule::Moment>* arrived_ = nullptr;
  Subscription subscription_;  // ends first
};

class JetStream final : public Contender {
 public:
  [[nodiscard]] Result<void> start(std::size_t pairs) {
    KERUEN_TRY(const int port, free_port());
    KERUEN_TRY(server_, ChildProcess::start({"nats-server", "-js", "-sd", (folder_ / "js").string(),
                                             "-a", "127.0.0.1", "-p", std::to_string(port)},
                                            (folder_ / "nats.txt").string()));
    const std::string url = "nats://127.0.0.1:" + std::to_string(port);
    const auto until = std::chrono::steady_clock::now() + kPatience;
    for (auto client = connect(url); !client; client = connect(url)) {
      if (!server_->is_running() || std::chrono::steady_clock::now() > until) {
        return fail(ErrorCode::io_failed, "nats-server did not start:\n" + server_->last_words());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    for (std::size_t i = 0; i < pairs; ++i) {
      pairs_.push_back(std::make_unique<Pair>());
      KERUEN_CHECK(pairs_.back()->open(url, i));
    }
    return {};
  }
  ~JetStream() override {
    pairs_.clear();
    server_.reset();
    nats_Close();
  }

  [[nodiscard]] std::string_view name() const override { return "jetstream"; }

  [[nodiscard]] Result<Throughput> throughput(const Load& load) override {
    const std::uint64_t each = load.messages / pairs_.size();
    for (auto& pair : pairs_) pair->expect(each);
    const Meter meter(*server_);
    std::vector<Result<void>> ended(pairs_.size());
    std::vector<std::thread> senders;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      senders.emplace_back([&, i] {
        for (std::uint64_t number = 0; number < each && ended[i]; ++number) {
          ended[i] = pairs_[i]->publish(payload(load.message_bytes, number));
        }
        if (ended[i]) ended[i] = pairs_[i]->finish();
      });
    }
    for (auto& sender : senders) sender.join();
    for (const auto& end : ended) {
      if (!end) return fail(end.error());
    }
    const Throughput measured = meter.read(each * pairs_.size());
    for (auto& pair : pairs_) KERUEN_CHECK(pair->empty());
    return measured;
  }

  [[nodiscard]] Result<Latency> latency(const SteadyLoad& load) override {
    Pair& pair = *pairs_.front();
    const Schedule schedule(load);
    std::vector<Schedule::Moment> arrived(schedule.messages());
    pair.expect(arrived.size(), &arrived);
    for (std::size_t i = 0; i < arrived.size(); ++i) {
      std::this_thread::sleep_until(schedule.due(i));
      KERUEN_CHECK(pair.publish(payload(load.message_bytes, i)));
    }
    KERUEN_CHECK(pair.finish());
    KERUEN_CHECK(pair.empty());
    return schedule.latency(arrived);
  }

 private:
  TemporaryDirectory folder_;
  std::unique_ptr<ChildProcess> server_;
  std::vector<std::unique_ptr<Pair>> pairs_;
};

}  // namespace

Result<std::unique_ptr<Contender>> start_jetstream(std::size_t pairs) {
  auto contender = std::make_unique<JetStream>();
  KERUEN_CHECK(contender->start(pairs));
  return contender;
}

}  // namespace keruen::bench

#else

namespace keruen::bench {
Result<std::unique_ptr<Contender>> start_jetstream(std::size_t /*pairs*/) {
  return fail(ErrorCode::unsupported,
              "this build cannot measure JetStream: install nats-server and libnats-dev, then "
              "configure and build again");
}
}  // namespace keruen::bench

#endif
