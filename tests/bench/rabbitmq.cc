// RabbitMQ as a contender: a quorum queue of one member, publisher confirms, manual
// acknowledgements. It confirms a message once it is synced to the disk.
// Source: rabbitmq.com/docs/quorum-queues, rabbitmq-c's amqp.h.
#include "tests/bench/contender.h"

#ifdef KERUEN_BENCH_RABBITMQ

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <sys/time.h>

#include <atomic>
#include <thread>

#include "tests/bench/meter.h"
#include "tests/support/temporary_directory.h"

namespace keruen::bench {
namespace {

constexpr std::uint64_t kWindow = 8192;
constexpr std::uint16_t kPrefetch = 2048;
// Acknowledged together, as its guide advises.
constexpr std::uint64_t kAcknowledgedTogether = 64;
constexpr std::chrono::seconds kPatience{60};
constexpr amqp_channel_t kChannel = 1;

class Client {
 public:
  ~Client() {
    if (connection_ != nullptr) amqp_destroy_connection(connection_);
  }
  Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] Result<void> connect(int port) {
    if (connection_ != nullptr) amqp_destroy_connection(connection_);
    connection_ = amqp_new_connection();
    amqp_socket_t* socket = amqp_tcp_socket_new(connection_);
    if (amqp_socket_open(socket, "127.0.0.1", port) != AMQP_STATUS_OK) {
      return fail(ErrorCode::io_failed, "rabbitmq does not answer");
    }
    KERUEN_CHECK(replied(
        amqp_login(connection_, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest"),
        "logging in"));
    amqp_channel_open(connection_, kChannel);
    return done("opening a channel");
  }
  [[nodiscard]] Result<void> done(const char* doing) const {
    return replied(amqp_get_rpc_reply(connection_), doing);
  }
  [[nodiscard]] static Result<void> replied(const amqp_rpc_reply_t& reply, const char* doing) {
    if (reply.reply_type == AMQP_RESPONSE_NORMAL) return {};
    return fail(ErrorCode::io_failed, std::string("rabbitmq, ") + doing);
  }
  [[nodiscard]] static Result<void> sent(int status, const char* doing) {
    if (status == AMQP_STATUS_OK) return {};
    return fail(ErrorCode::io_failed,
                std::string("rabbitmq, ") + doing + ": " + amqp_error_string2(status));
  }
  [[nodiscard]] amqp_connection_state_t get() const { return connection_; }

 private:
  amqp_connection_state_t connection_ = nullptr;
};

class Pair {
 public:
  [[nodiscard]] Result<void> open(int port, std::size_t number) {
    name_ = "pair-" + std::to_string(number);
    KERUEN_CHECK(sender_.connect(port));
    KERUEN_CHECK(recipient_.connect(port));
    amqp_table_entry_t kind;
    kind.key = amqp_cstring_bytes("x-queue-type");
    kind.value.kind = AMQP_FIELD_KIND_UTF8;
    kind.value.value.bytes = amqp_cstring_bytes("quorum");
    amqp_queue_declare(sender_.get(), kChannel, queue(), 0, 1, 0, 0, amqp_table_t{1, &kind});
    KERUEN_CHECK(sender_.done("declaring a queue"));
    amqp_confirm_select(sender_.get(), kChannel);
    KERUEN_CHECK(sender_.done("asking for confirms"));
    amqp_basic_qos(recipient_.get(), kChannel, 0, kPrefetch, 0);
    KERUEN_CHECK(recipient_.done("setting the prefetch"));
    amqp_basic_consume(recipient_.get(), kChannel, queue(), amqp_empty_bytes, 0, 0, 0,
                       amqp_empty_table);
    return recipient_.done("subscribing");
  }

  [[nodiscard]] Result<void> publish(const std::string& text) {
    amqp_basic_properties_t properties{};
    properties._flags = AMQP_BASIC_DELIVERY_MODE_FLAG;
    properties.delivery_mode = 2;
    ++published_;
    return Client::sent(
        amqp_basic_publish(sender_.get(), kChannel, amqp_empty_bytes, queue(), 0, 0, &properties,
                           amqp_bytes_t{text.size(), const_cast<char*>(text.data())}),
        "publishing");
  }
  [[nodiscard]] std::uint64_t unconfirmed() const { return published_ - confirmed_; }
  // One confirm, which may be for several; for at most so long.
  [[nodiscard]] Result<void> take_confirm(std::chrono::microseconds wait) {
    amqp_frame_t frame;
    timeval time{wait.count() / 1'000'000, wait.count() % 1'000'000};
    amqp_maybe_release_buffers(sender_.get());
    const int status = amqp_simple_wait_frame_noblock(sender_.get(), &frame, &time);
    if (status == AMQP_STATUS_TIMEOUT) return {};
    KERUEN_CHECK(Client::sent(status, "waiting for confirms"));
    if (frame.frame_type == AMQP_FRAME_METHOD && frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
      const auto* ack = static_cast<const amqp_basic_ack_t*>(frame.payload.method.decoded);
      confirmed_ = ack->multiple != 0 ? std::max(confirmed_, ack->delivery_tag) : confirmed_ + 1;
    }
    return {};
  }

  // On the recipient's thread.
  [[nodiscard]] Result<void> receive(std::uint64_t messages,
                                     std::vector<Schedule::Moment>* arrived) {
    timeval patience{kPatience.count(), 0};
    for (std::uint64_t number = 0; number < messages; ++number) {
      amqp_envelope_t envelope;
      amqp_maybe_release_buffers(recipient_.get());
      KERUEN_CHECK(Client::replied(amqp_consume_message(recipient_.get(), &envelope, &patience, 0),
                                   "receiving"));
      if (arrived != nullptr) (*arrived)[number] = std::chrono::steady_clock::now();
      const bool several = arrived == nullptr;
      if (!several || (number + 1) % kAcknowledgedTogether == 0 || number + 1 == messages) {
        const int status =
            amqp_basic_ack(recipient_.get(), kChannel, envelope.delivery_tag, several ? 1 : 0);
        if (status != AMQP_STATUS_OK) return Client::sent(status, "acknowledging");
      }
      amqp_destroy_envelope(&envelope);
    }
    return {};
  }

 private:
  [[nodiscard]] amqp_bytes_t queue() const { return amqp_cstring_bytes(name_.c_str()); }

  std::string name_;
  Client sender_;
  Client recipient_;
  std::uint64_t published_ = 0;
  std::uint64_t confirmed_ = 0;
};

class RabbitMq final : public Contender {
 public:
  [[nodiscard]] Result<void> start(std::size_t pairs) {
    KERUEN_TRY(const int port, free_port());
    KERUEN_TRY(const int distribution_port, free_port());
    KERUEN_TRY(const int mapper_port, free_port());
    const auto in = [&](const char* name) { return (folder_ / name).string(); };
    // Erlang's port mapper, ours alone; otherwise one is started that stays behind.
    KERUEN_TRY(mapper_, ChildProcess::start(
                            {"epmd", "-address", "127.0.0.1", "-port", std::to_string(mapper_port)},
                            in("mapper.txt")));
    KERUEN_TRY(
        server_,
        ChildProcess::start(
            {"/usr/lib/rabbitmq/bin/rabbitmq-server"}, in("rabbitmq.txt"),
            {"HOME=" + in("."), "ERL_EPMD_PORT=" + std::to_string(mapper_port),
             "ERL_EPMD_ADDRESS=127.0.0.1", "RABBITMQ_NODENAME=keruen@localhost",
             "RABBITMQ_NODE_IP_ADDRESS=127.0.0.1", "RABBITMQ_NODE_PORT=" + std::to_string(port),
             "RABBITMQ_DIST_PORT=" + std::to_string(distribution_port),
             "RABBITMQ_MNESIA_BASE=" + in("data"), "RABBITMQ_LOG_BASE=" + in("log"),
             "RABBITMQ_ENABLED_PLUGINS_FILE=" + in("plugins"), "RABBITMQ_CONFIG_FILE=" + in("none"),
             "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface "
             "{127,0,0,1}"}));
    const auto until = std::chrono::steady_clock::now() + kPatience;
    Client probe;
    for (auto answered = probe.connect(port); !answered; answered = probe.connect(port)) {
      if (!server_->is_running() || std::chrono::steady_clock::now() > until) {
        return fail(ErrorCode::io_failed,
                    "rabbitmq-server did not start:\n" + server_->last_words());
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    for (std::size_t i = 0; i < pairs; ++i) {
      pairs_.push_back(std::make_unique<Pair>());
      KERUEN_CHECK(pairs_.back()->open(port, i));
    }
    return {};
  }
  ~RabbitMq() override {
    pairs_.clear();
    server_.reset();
    mapper_.reset();
  }

  [[nodiscard]] std::string_view name() const override { return "rabbitmq"; }

  [[nodiscard]] Result<Throughput> throughput(const Load& load) override {
    const std::uint64_t each = load.messages / pairs_.size();
    const Meter meter(*server_);
    std::vector<Result<void>> ended(2 * pairs_.size());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      threads.emplace_back([&, i] { ended[2 * i] = send(*pairs_[i], each, load); });
      threads.emplace_back([&, i] { ended[2 * i + 1] = pairs_[i]->receive(each, nullptr); });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& end : ended) {
      if (!end) return fail(end.error());
    }
    return meter.read(each * pairs_.size());
  }

  [[nodiscard]] Result<Latency> latency(const SteadyLoad& load) override {
    Pair& pair = *pairs_.front();
    const Schedule schedule(load);
    std::vector<Schedule::Moment> arrived(schedule.messages());
    Result<void> received;
    std::thread recipient([&] { received = pair.receive(arrived.size(), &arrived); });
    Result<void> published;
    for (std::size_t i = 0; i < arrived.size() && published; ++i) {
      std::this_thread::sleep_until(schedule.due(i));
      published = pair.publish(payload(load.message_bytes, i));
      if (published) published = pair.take_confirm(std::chrono::microseconds(0));
    }
    while (published && pair.unconfirmed() > 0) {
      published = pair.take_confirm(std::chrono::seconds(1));
    }
    recipient.join();
    KERUEN_CHECK(published);
    KERUEN_CHECK(received);
    return schedule.latency(arrived);
  }

 private:
  [[nodiscard]] static Result<void> send(Pair& pair, std::uint64_t messages, const Load& load) {
    for (std::uint64_t number = 0; number < messages; ++number) {
      while (pair.unconfirmed() >= kWindow) {
        KERUEN_CHECK(pair.take_confirm(std::chrono::seconds(1)));
      }
      KERUEN_CHECK(pair.publish(payload(load.message_bytes, number)));
    }
    while (pair.unconfirmed() > 0) KERUEN_CHECK(pair.take_confirm(std::chrono::seconds(1)));
    return {};
  }

  TemporaryDirectory folder_;
  std::unique_ptr<ChildProcess> mapper_;
  std::unique_ptr<ChildProcess> server_;
  std::vector<std::unique_ptr<Pair>> pairs_;
};

}  // namespace

Result<std::unique_ptr<Contender>> start_rabbitmq(std::size_t pairs) {
  auto contender = std::make_unique<RabbitMq>();
  KERUEN_CHECK(contender->start(pairs));
  return contender;
}

}  // namespace keruen::bench

#else

namespace keruen::bench {
Result<std::unique_ptr<Contender>> start_rabbitmq(std::size_t /*pairs*/) {
  return fail(ErrorCode::unsupported,
              "this build cannot measure RabbitMQ: install rabbitmq-server and librabbitmq-dev, "
              "then configure and build again");
}
}  // namespace keruen::bench

#endif
