#include "tests/bench/site.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "agents/authority/agency_files.h"
#include "agents/authority/authority.h"
#include "agents/authority/enrolment.h"
#include "schemas/host/agent_config.h"
#include "schemas/host/broker_config.h"

namespace keruen::bench {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::chrono::milliseconds kBetweenLooks{20};

std::string name_of_agency(std::size_t number) { return "kz.agency-" + std::to_string(number); }

// Where a program says, by systemd's protocol, that it is ready. Source: sd_notify(3).
class ReadyDoor {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ReadyDoor>> open(const std::string& path) {
    std::unique_ptr<ReadyDoor> door(new ReadyDoor());
    ::unlink(path.c_str());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ensure(path.size() < sizeof(address.sun_path), "the bench's folder has a short path");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    door->socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    timeval look{0, 100'000};
    ::setsockopt(door->socket_, SOL_SOCKET, SO_RCVTIMEO, &look, sizeof look);
    if (::bind(door->socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return fail(ErrorCode::io_failed, path + ": " + std::strerror(errno));
    }
    return door;
  }
  ~ReadyDoor() { ::close(socket_); }
  ReadyDoor(const ReadyDoor&) = delete;
  ReadyDoor& operator=(const ReadyDoor&) = delete;

  [[nodiscard]] Result<void> wait_for(ChildProcess& process) const {
    const auto until = std::chrono::steady_clock::now() + kPatience * 5;
    while (std::chrono::steady_clock::now() < until) {
      char text[512] = {};
      const auto size = ::recv(socket_, text, sizeof text - 1, 0);
      if (size > 0 && std::strstr(text, "READY=1") != nullptr) return {};
      if (!process.is_running()) break;
    }
    return fail(ErrorCode::io_failed,
                "keruen-broker did not start; it said:\n" + process.last_words());
  }

 private:
  ReadyDoor() = default;
  int socket_ = -1;
};

// keruen-broker lies beside this program.
std::string broker_program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "keruen-broker";
}

}  // namespace

void AlarmJournal::write(host::JournalLevel level, std::string_view event, Fields fields) {
  if (level < host::JournalLevel::warning) return;
  const auto line = host::encode_journal_line({{}, level, event, fields});
  std::fprintf(stderr, "%s\n", line.c_str());
}

// ---- an agent ----

Result<std::unique_ptr<SiteAgent>> SiteAgent::start(const std::string& folder, host::Disk& disk,
                                                    host::Clock& clock, host::Journal& journal) {
  KERUEN_TRY(const auto config,
             host::load_agent_config(disk, authority::path_in(folder, "agent.toml")));
  KERUEN_TRY(const auto unlock, certs::Unlock::with_credential_file(disk, config.credential_file));
  KERUEN_TRY(auto keys,
             authority::load_agency_keys(disk, config.keys_directory, config.agency, unlock));
  KERUEN_TRY(const auto invitation, authority::load_invitation(disk, config.invitation_file));
  KERUEN_CHECK(disk.make_directory(config.store_directory));

  std::unique_ptr<SiteAgent> agent(new SiteAgent());
  agent->id_ = config.agency;
  agent->journal_ = &journal;
  agent->store_path_ = authority::path_in(config.store_directory, "store.sqlite");
  agent->store_key_ = keys.store_key.duplicate();
  KERUEN_TRY(agent->lock_, disk.lock_directory(config.store_directory));
  KERUEN_TRY(agent->store_,
             store::Store::open(agent->store_path_, keys.store_key, agent->randomness_));
  KERUEN_TRY(agent->backfiller_,
             host::Backfiller::start(agent->store_path_, "the store", store::kLogLengths));
  agent->store_->on_log_grown(
      [mover = agent->backfiller_.get()](std::size_t pages) { return mover->log_grown(pages); });
  engine::EngineOptions options;
  options.agency = config.agency;
  options.origin = invitation.origin;
  options.trusted = invitation.authorities;
  options.log_keys = invitation.log_keys;
  options.broker_endpoint = invitation.broker_endpoint;
  options.broker_key = invitation.broker_key;
  options.store_directory = config.store_directory;
  KERUEN_TRY(agent->core_,
             engine::Engine::open(
                 std::move(options),
                 {std::move(keys.identity), std::move(keys.signing), std::move(keys.transport)},
                 *agent->store_, agent->randomness_, disk, journal, clock.now()));
  SiteAgent* self = agent.get();
  KERUEN_TRY(agent->link_, link::Link::make([self] { return link::target_of(*self->core_); },
                                            agent->randomness_, journal));
  auto doors = link::doors_to(*agent->link_);
  doors.alert = [&journal](const std::string& text) {
    journal.write(host::JournalLevel::warning, "alert", {{"text", text}});
  };
  doors.stop = [&journal](const Error& error) {
    journal.write_error(host::JournalLevel::error, "stopped", error);
  };
  agent->events_ = agent->core_->newest_event();
  KERUEN_TRY(agent->thread_, engine::EngineThread::start(*agent->core_, clock, std::move(doors)));
  agent->thread_->listen([self](std::uint64_t newest) { self->tell(newest); });
  return agent;
}

SiteAgent::~SiteAgent() = default;

void SiteAgent::connect() { link_->start(); }

void SiteAgent::disconnect() {
  link_->stop();
  // At its next turn; each question is one.
  for (auto status = thread_->status(); status && status->connected;) {
    status = thread_->status();
  }
}

Result<std::unique_ptr<store::Reader>> SiteAgent::open_reader() const {
  return store::Reader::open(store_path_, store_key_, [this] { return thread_->publish(); });
}

void SiteAgent::tell(std::uint64_t newest) {
  {
    const std::lock_guard lock(mutex_);
    events_ = newest;
    if (told_) told_(newest);
  }
  progress_.notify_all();
}

void SiteAgent::on_events(std::function<void(std::uint64_t)> told) {
  const std::lock_guard lock(mutex_);
  told_ = std::move(told);
}

bool SiteAgent::wait_for_events(std::uint64_t number, std::chrono::seconds patience) {
  std::unique_lock lock(mutex_);
  while (events_ < number) {
    const auto before = events_.load();
    if (!progress_.wait_for(lock, patience, [&] { return events_ != before; })) return false;
  }
  return true;
}

// ---- the site ----

Result<std::unique_ptr<Site>> Site::make(std::size_t agencies) {
  std::unique_ptr<Site> site(new Site());
  KERUEN_CHECK(site->found(agencies));
  KERUEN_CHECK(site->start_broker());
  for (std::size_t i = 0; i < agencies; ++i) {
    KERUEN_TRY(auto agent, SiteAgent::start((site->folder_ / name_of_agency(i)).string(),
                                            site->disk_, site->clock_, site->journal_));
    agent->connect();
    site->agents_.push_back(std::move(agent));
  }
  KERUEN_CHECK(site->exchange_keys());
  return site;
}

Site::~Site() {
  agents_.clear();
  broker_.reset();
}

Result<void> Site::found(std::size_t agencies) {
  certs::SystemRandomness randomness;
  authority::Desk desk{disk_, randomness, clock_.now()};
  const auto in = [&](const std::string& name) { return (folder_ / name).string(); };
  KERUEN_CHECK(certs::make_credential_file(disk_, in("credential"), randomness));
  KERUEN_TRY(const auto unlock, certs::Unlock::with_credential_file(disk_, in("credential")));
  KERUEN_TRY(const auto exchange, Origin::parse("kz.exchange"));
  KERUEN_TRY(const auto all, GroupId::parse("kz.all"));
  KERUEN_TRY(const auto everybody, PartyId::parse("kz.all"));
  KERUEN_CHECK(init_authority(desk, {exchange, in("authority"), "", {}, 1}, unlock));
  KERUEN_TRY(const int port, free_port());
  broker_folder_ = in("broker");
  KERUEN_CHECK(make_broker(
      desk, {in("authority"), "tcp://127.0.0.1:" + std::to_string(port), broker_folder_}));
  std::vector<std::string> folders;
  for (std::size_t i = 0; i < agencies; ++i) {
    authority::AgencyInit agency;
    KERUEN_TRY(agency.agency, AgencyId::parse(name_of_agency(i)));
    agency.names = {{"en", "Agency " + std::to_string(i)}};
    agency.directory = in(name_of_agency(i));
    KERUEN_TRY(const auto made, init_agency(desk, agency));
    KERUEN_CHECK(admit(desk, {in("authority"), made.request_file, {all}, {}}, unlock));
    folders.push_back(agency.directory);
  }
  KERUEN_CHECK(allow(desk, {in("authority"),
                            everybody,
                            everybody,
                            {MessageKind::notice, MessageKind::schedule, MessageKind::evidence}}));
  KERUEN_TRY(const auto published, publish(desk, {in("authority"), {}, ""}, unlock));
  for (std::size_t i = 0; i < agencies; ++i) {
    const auto invitation = in("authority/out/" + name_of_agency(i) + ".invitation");
    KERUEN_CHECK(join_agency(desk, {folders[i], invitation}));
  }
  return {};
}

Result<std::chrono::nanoseconds> Site::start_broker() {
  const auto began = std::chrono::steady_clock::now();
  const std::string door_path = (folder_ / "ready").string();
  KERUEN_TRY(const auto door, ReadyDoor::open(door_path));
  KERUEN_TRY(broker_, ChildProcess::start(
                          {broker_program(), "--config", broker_folder_ + "/broker.toml"},
                          (folder_ / "broker.txt").string(), {"NOTIFY_SOCKET=" + door_path}));
  KERUEN_CHECK(door->wait_for(*broker_));
  return std::chrono::steady_clock::now() - began;
}

Result<void> Site::delete_index() const {
  host::PosixDisk disk;
  KERUEN_TRY(const auto config,
             host::load_broker_config(disk, authority::path_in(broker_folder_, "broker.toml")));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code error;
    std::filesystem::remove(config.index_file + suffix, error);
    if (error) return fail(ErrorCode::io_failed, config.index_file + ": " + error.message());
  }
  return {};
}

// A message from everybody to everybody: who could be sealed for has published keys, and all know.
Result<void> Site::exchange_keys() {
  KERUEN_TRY(const auto everybody, PartyId::parse("kz.all"));
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::vector<std::pair<std::unique_ptr<store::Reader>, MessageId>> sent;
  for (auto& agent : agents_) {
    engine::SubmitRequest request;
    request.content.header.subject = {{"en", "greeting"}};
    content::CooperationNotice notice;
    notice.what = "greeting";
    request.content.body = std::move(notice);
    request.to = {everybody};
    // The registry comes with the first connection.
    auto submitted = agent->engine().submit(request);
    while (!submitted && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(kBetweenLooks);
      submitted = agent->engine().submit(request);
    }
    if (!submitted) return fail(submitted.error());
    KERUEN_TRY(auto reader, agent->open_reader());
    sent.emplace_back(std::move(reader), submitted->message);
  }
  for (auto& [reader, message] : sent) {
    while (true) {
      KERUEN_TRY(const auto receipts, reader->receipts(message));
      if (std::ranges::all_of(receipts, [](const store::RecipientStatus& status) {
            return status.state == store::RecipientState::delivered;
          })) {
        break;
      }
      if (std::chrono::steady_clock::now() > until) {
        return fail(ErrorCode::io_failed, "the agencies did not exchange their keys in time");
      }
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }
  return {};
}

}  // namespace keruen::bench
