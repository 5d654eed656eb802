// A folder with an authority, a broker and agencies made at the real desk, on the real disk.
// Threads: one.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "agents/authority/agency_files.h"
#include "agents/authority/authority.h"
#include "agents/authority/enrolment.h"
#include "schemas/host/posix_disk.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_randomness.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/virtual_clock.h"

namespace keruen::authority {

class DeskTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string in(const std::string& name) const {
    return (directory_ / name).string();
  }
  [[nodiscard]] Desk desk() {
    return {disk_, randomness_, clock_.now(), certs::PassphraseCost{1, 8192}};
  }
  [[nodiscard]] static certs::Unlock passphrase(std::string_view text = "sesame") {
    return certs::Unlock::with_passphrase(certs::SecretBytes(bytes_of(text)));
  }
  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream file(in(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(in(name), std::ios::binary | std::ios::trunc) << text;
  }

  [[nodiscard]] Result<AuthorityInitReport> init(const std::string& folder = "authority",
                                                 std::vector<std::string> further = {},
                                                 std::uint32_t threshold = 1) {
    auto at = desk();
    return init_authority(at, {exchange_, in(folder), folder, std::move(further), threshold},
                          passphrase());
  }
  [[nodiscard]] Result<BrokerMakeReport> make_the_broker() {
    auto at = desk();
    return make_broker(at, {in("authority"), "tcp://127.0.0.1:7400", in("broker")});
  }
  [[nodiscard]] Result<AgencyInitReport> make_agency(const std::string& id,
                                                     const std::string& folder,
                                                     std::optional<Origin> exchange = {}) {
    auto at = desk();
    AgencyInit wanted;
    wanted.agency = *AgencyId::parse(id);
    wanted.names = {{"en", "Agency " + id}, {"ru", "Ведомство"}};
    wanted.directory = in(folder);
    wanted.exchange = std::move(exchange);
    wanted.officers = {{"aigerim", {"officer-7", "Aigerim", "liaison", ""}}};
    return init_agency(at, wanted);
  }
  [[nodiscard]] Result<AdmissionReport> admit_to_all(const std::string& request) {
    auto at = desk();
    return admit(at, {in("authority"), request, {*GroupId::parse("kz.all")}, std::nullopt},
                 passphrase());
  }
  [[nodiscard]] Result<PublicationReport> publish_now() {
    auto at = desk();
    Publication wanted;
    wanted.directory = in("authority");
    return publish(at, wanted, passphrase());
  }
  // Authority, broker and one admitted agency in customs/.
  void found() {
    ASSERT_THAT(init(), IsOk());
    ASSERT_THAT(make_the_broker(), IsOk());
    KERUEN_ASSERT_OK(const auto agency, make_agency("kz.customs", "customs"));
    ASSERT_THAT(admit_to_all(agency.request_file), IsOk());
  }

  TemporaryDirectory directory_;
  host::PosixDisk disk_;
  SeededRandomness randomness_{11};
  VirtualClock clock_;
  Origin exchange_ = *Origin::parse("kz.exchange");
};

}  // namespace keruen::authority
