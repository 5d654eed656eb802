// A broker and three agencies in one thread and in virtual time, from submission to receipt.
// Threads: one.
//
// Nothing happens by itself: settle() carries frames until all is quiet, pass() lets time go by.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "tests/support/matchers.h"
#include "tests/support/test_agent.h"

namespace keruen {

class Journey : public ::testing::Test {
 protected:
  static constexpr const char* kGuard = "kz.border-guard";
  static constexpr const char* kCustoms = "kz.customs";
  static constexpr const char* kProsecutor = "kz.prosecutor";
  static constexpr std::chrono::milliseconds kStep{100};

  Journey()
      : exchange({kGuard, kCustoms, kProsecutor}),
        broker(exchange, disk, (directory / "index.sqlite").string(), broker_journal) {
    for (const char* id : {kGuard, kCustoms, kProsecutor}) {
      agents.emplace(std::piecewise_construct, std::forward_as_tuple(id),
                     std::forward_as_tuple(exchange, id, agent_journal));
    }
  }
  // Everybody runs, is connected and has published keys.
  void start_all() {
    ASSERT_THAT(broker.start(now()), IsOk());
    for (auto& [id, agent] : agents) ASSERT_THAT(agent.start(now()), IsOk());
    connect_all();
    pass(std::chrono::seconds(3));
  }
  void connect_all() {
    for (auto& [id, agent] : agents) {
      if (agent.is_running() && !agent.is_connected()) agent.connect(broker, now());
    }
    settle();
  }

  // People looked at what stopped it, and decided.
  void go_on_after_halt(const char* id) {
    agent(id).kill(broker, now());
    ASSERT_THAT(agent(id).start(now(), engine::EngineOptions::AfterHalt::go_on), IsOk());
    connect_all();
  }
  // An agent on an empty store starts and connects.
  void join(const char* id) {
    agents.emplace(std::piecewise_construct, std::forward_as_tuple(id),
                   std::forward_as_tuple(exchange, id, agent_journal));
    ASSERT_THAT(agent(id).start(now()), IsOk());
    connect_all();
  }
  // To an agency that is in the registry, and never yet connected: it has no prekey.
  [[nodiscard]] MessageId send_to_new_agency(const char* from, const char* id) {
    exchange.admit(id);
    broker.publish(exchange.next_registry(), now());
    pass(std::chrono::seconds(2));
    const auto message = send(from, {id}, "Welcome");
    pass(std::chrono::seconds(2));
    return message;
  }
  // Whenever it connects, the broker has nothing of what it had accepted.
  void broker_forgets(const char* id) {
    agent(id).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
      if (auto* welcome = std::get_if<wire::Welcome>(&frame)) {
        for (auto& head : welcome->streams) head = {head.stream, {}, {}};
      }
      return frame;
    });
  }
  // The first slice to `id` never arrives, however often it is asked for.
  void withhold_first_slice(const char* id) {
    agent(id).lie([withheld = std::optional<LogIndex>()](
                      wire::Frame frame) mutable -> std::optional<wire::Frame> {
      const auto* slice = std::get_if<wire::DeliverSlice>(&frame);
      if (slice == nullptr) return frame;
      if (!withheld) withheld = slice->index;
      if (slice->index == *withheld) return std::nullopt;
      return frame;
    });
  }

  // Every checkpoint is of another log: the broker holds the log key, and can sign any it likes.
  void show_another_log(
      const char* id, std::function<void()> when_shown = [] {}) {
    agent(id).lie([this, when_shown = std::move(when_shown)](
                      wire::Frame frame) -> std::optional<wire::Frame> {
      auto* checkpoint = std::get_if<wire::Checkpoint>(&frame);
      if (checkpoint == nullptr) return frame;
      const certs::Checkpoint forked{exchange.origin(), TreeSize{1000},
                                     exchange.randomness().draw<Digest>()};
      checkpoint->note = certs::sign_checkpoint(forked, exchange.log_key()).note;
      when_shown();
      return frame;
    });
  }

  // From now on this agent's clock is off by so much.
  void turn_clock(const std::string& id, std::chrono::minutes by) { clocks_off_[id] = by; }
  [[nodiscard]] Now now() { return exchange.clock().now(); }
  [[nodiscard]] Moments moments_of(const std::string& id) {
    Moments moments(now());
    if (const auto off = clocks_off_.find(id); off != clocks_off_.end()) {
      moments.here.wall += off->second;
    }
    return moments;
  }
  [[nodiscard]] TestAgent& agent(const char* id) { return agents.at(id); }

  // A loop that never ends is a fault of the protocol: two parties that answer each other for ever.
  void settle() {
    for (int round = 0; round < 100'000; ++round) {
      bool moved = false;
      for (auto& [id, agent] : agents) {
        if (agent.is_running()) moved = agent.exchange_frames(broker, moments_of(id)) || moved;
      }
      for (auto& [id, agent] : agents) {
        if (agent.is_running() && agent.engine().next_tick() <= now().monotonic) {
          agent.tick(moments_of(id).here);
        }
      }
      if (!moved) return;
    }
    FAIL() << "frames go to and fro without end";
  }
  void pass(std::chrono::milliseconds time) {
    for (auto left = time; left.count() > 0; left -= kStep) {
      exchange.clock().advance(kStep);
      if (broker.is_running()) broker.tick(now());
      settle();
    }
  }

  // The line is down for most of each day, as at a border post.
  void pass_days(int days) {
    for (int day = 0; day < days; ++day) {
      for (auto& [id, agent] : agents) agent.disconnect(broker, now());
      exchange.clock().advance(std::chrono::hours(24));
      broker.tick(now());
      if (++days_passed_ % 10 == 0) broker.publish(exchange.next_registry(), now());
      connect_all();
      pass(std::chrono::seconds(3));
    }
  }

  [[nodiscard]] static engine::SubmitRequest notice(const std::vector<std::string>& to,
                                                    const std::string& text,
                                                    Lane lane = Lane::routine) {
    engine::SubmitRequest request;
    content::CooperationNotice body;
    body.what = text;
    request.content.header.subject = {{"en", text}};
    request.content.body = std::move(body);
    for (const auto& party : to) request.to.push_back(party_named(party));
    request.lane = lane;
    return request;
  }
  [[nodiscard]] Bytes draw_bytes(std::size_t size) {
    Bytes bytes(size);
    exchange.randomness().fill(bytes);
    return bytes;
  }
  [[nodiscard]] engine::SubmitRequest with_file(const std::vector<std::string>& to,
                                                const std::string& text, const std::string& name,
                                                const std::string& media_type, const Bytes& bytes) {
    const std::string path = (directory / name).string();
    host::PosixDisk files;
    EXPECT_THAT(host::write_file_atomically(files, path, bytes, host::kPrivateMode), IsOk());
    auto request = notice(to, text);
    request.attachments.push_back({name, media_type, path});
    return request;
  }
  [[nodiscard]] static content::Author officer() {
    return {{"duty"}, "A. Officer", "liaison", "post 3"};
  }
  [[nodiscard]] MessageId submit(const char* from, const engine::SubmitRequest& request) {
    const auto submitted = agent(from).submit(request, now());
    EXPECT_THAT(submitted, IsOk());
    return submitted ? submitted->message : MessageId();
  }
  [[nodiscard]] MessageId send(const char* from, const std::vector<std::string>& to,
                               const std::string& text, Lane lane = Lane::routine) {
    const auto id = submit(from, notice(to, text, lane));
    settle();
    return id;
  }

  [[nodiscard]] store::RecipientStatus at(const char* sender, const MessageId& message,
                                          const char* recipient) {
    const auto receipts = agent(sender).reader().receipts(message);
    EXPECT_THAT(receipts, IsOk());
    if (receipts) {
      for (const auto& status : *receipts) {
        if (status.recipient.text() == recipient) return status;
      }
    }
    ADD_FAILURE() << recipient << " is no recipient of this message";
    return {};
  }
  // What stands in the inbox, oldest first.
  [[nodiscard]] std::vector<std::string> inbox(const char* id) {
    store::ListQuery query;
    query.most = 500;
    const auto listed = agent(id).reader().list(query);
    EXPECT_THAT(listed, IsOk());
    std::vector<std::string> subjects;
    if (listed) {
      for (auto one = listed->messages.rbegin(); one != listed->messages.rend(); ++one) {
        subjects.push_back(one->subject);
      }
    }
    return subjects;
  }
  void expect_no_alerts() {
    for (auto& [id, agent] : agents) EXPECT_THAT(agent.alerts(), ::testing::IsEmpty()) << id;
  }

  TestExchange exchange;
  FaultDisk disk;
  TemporaryDirectory directory;
  MemoryJournal broker_journal;
  MemoryJournal agent_journal;
  TestBroker broker;
  std::map<std::string, TestAgent> agents;

 private:
  std::map<std::string, std::chrono::minutes> clocks_off_;
  int days_passed_ = 0;
};

}  // namespace keruen
