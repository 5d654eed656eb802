#include "agents/authority/authority.h"

#include <CLI/CLI.hpp>

#include "agents/authority/catch_up.h"
#include "agents/authority/enrolment.h"
#include "agents/cli/desk.h"
#include "agents/cli/passphrase.h"
#include "schemas/content/instant.h"
#include "schemas/host/clock.h"
#include "schemas/host/posix_disk.h"

namespace keruen::cli {
namespace {

using Ordered = nlohmann::ordered_json;

// What every act here needs: the machine's disk, randomness and time.
struct Workplace {
  host::PosixDisk disk;
  certs::SystemRandomness randomness;
  authority::Desk desk{disk, randomness, host::SystemClock().now()};
};

// Prints a report: JSON as it is, or the words for people. A path that was typed may not be UTF-8.
Result<void> report(const Choice& choice, const Ordered& json, const std::string& words) {
  const auto replace = Ordered::error_handler_t::replace;
  choice.terminal.print(choice.json ? json.dump(-1, ' ', false, replace) + "\n" : words);
  return {};
}

template <class Ids>
Ordered json_of(const Ids& ids) {
  Ordered json = Ordered::array();
  for (const auto& id : ids) json.push_back(id.text());
  return json;
}

template <class Ids>
std::string words_of(const Ids& ids) {
  std::string words;
  for (const auto& id : ids) words += (words.empty() ? "" : ", ") + id.text();
  return words;
}

std::string shared_fingerprint_words(const std::string& fingerprint) {
  return "Fingerprint, to compare over the telephone:\n\n    " + fingerprint + "\n\n";
}

struct Options {
  std::string directory;
  std::string credential;
  std::string exchange;
  std::string name;
  std::vector<std::string> further_roots;
  std::uint32_t threshold = 1;
  std::string endpoint;
  std::string out;
  std::string request;
  std::vector<std::string> groups;
  std::string parent;
  std::string from;
  std::string to;
  std::vector<std::string> kinds;
  std::string role = "monitor";
  std::string agency;
  std::string registry;
  std::vector<std::string> co_signers;
  std::vector<std::string> co_credentials;
  std::string checkpoint;
  bool yes = false;
};

Result<void> init(const Choice& choice, const Options& options) {
  Workplace place;
  authority::AuthorityInit wanted;
  KERUEN_TRY(wanted.exchange, Origin::parse(options.exchange));
  wanted.directory = options.directory;
  wanted.name = options.name;
  wanted.further_roots = options.further_roots;
  wanted.threshold = options.threshold;
  KERUEN_TRY(const auto unlock,
             unlock_with(place.disk, options.credential, "the authority's key", Ask::twice));
  KERUEN_TRY(const auto made, authority::init_authority(place.desk, wanted, unlock));
  return report(choice, {{"root", made.root_file}, {"fingerprint", made.fingerprint}},
                "The authority of " + options.exchange + " is in " + options.directory +
                    ". Keep its key offline.\n" + shared_fingerprint_words(made.fingerprint) +
                    "Next: keruen authority broker --dir " + options.directory +
                    " --endpoint tcp://HOST:7400 --out broker\n");
}

Result<void> make_broker(const Choice& choice, const Options& options) {
  Workplace place;
  KERUEN_TRY(const auto made, authority::make_broker(
                                  place.desk, {options.directory, options.endpoint, options.out}));
  return report(choice,
                {{"config", made.config_file},
                 {"credential", made.credential_file},
                 {"transport_key", made.transport_key.hex()},
                 {"log_key", made.log_key.hex()}},
                "The broker's keys and configuration are in " + options.out +
                    ".\nNext: admit agencies, publish, then: keruen-broker --config " +
                    made.config_file + "\n");
}

// All that is decided by admitting, but for the fingerprint.
std::string admission_words(const authority::AdmissionReport& seen) {
  std::string words = "Request of " + seen.agency.text() + "\n";
  for (const auto& [language, name] : seen.names) {
    words += "    name in " + language + ": " + printable(name, LineEnds::fold) + "\n";
  }
  if (!seen.groups.empty()) words += "    groups: " + words_of(seen.groups) + "\n";
  if (seen.parent) words += "    parent: " + seen.parent->text() + "\n";
  words += "Nobody has signed its names: see that they are this agency's.\n";
  if (seen.is_new_identity) {
    words +=
        "It is listed with ANOTHER identity key. Once this one is published, every key of the "
        "former\nidentity ends for good: an agent that still uses them is shut out, and its "
        "folder cannot be\nadmitted again.\n";
  }
  return words;
}

Ordered admission_json(const authority::AdmissionReport& done) {
  Ordered json = {{"agency", done.agency.text()},
                  {"names", done.names},
                  {"groups", json_of(done.groups)},
                  {"fingerprint", done.fingerprint},
                  {"new_identity", done.is_new_identity},
                  {"certificate_valid_until", content::instant_text(done.certificate_valid_until)}};
  if (done.parent) json["parent"] = done.parent->text();
  return json;
}

Result<void> admit(const Choice& choice, const Options& options) {
  Workplace place;
  authority::Admission wanted;
  wanted.directory = options.directory;
  wanted.request_file = options.request;
  for (const std::string& group : options.groups) {
    KERUEN_TRY(auto id, GroupId::parse(group));
    wanted.groups.push_back(std::move(id));
  }
  if (!options.parent.empty()) {
    KERUEN_TRY(wanted.parent, AgencyId::parse(options.parent));
  }
  KERUEN_TRY(const auto seen, authority::examine_request(place.desk, wanted));
  choice.terminal.say(admission_words(seen) + shared_fingerprint_words(seen.fingerprint));
  // Whoever can swap the request on its way becomes the agency, unless its fingerprint is compared.
  if (!options.yes) {
    switch (ask_to_confirm("Did the agency read out the same?")) {
      case Answer::yes:
        break;
      case Answer::no:
        return fail(ErrorCode::denied, "nothing was admitted; call the agency and compare");
      case Answer::nobody_there:
        return fail(ErrorCode::denied,
                    "nothing was admitted: nobody is at a terminal to say that the agency read out "
                    "the same fingerprint; give --yes once it was compared");
    }
  }
  KERUEN_TRY(const auto unlock,
             unlock_with(place.disk, options.credential, "the authority's key", Ask::once));
  wanted.shown_request = seen.request_hash;
  KERUEN_TRY(const auto done, authority::admit(place.desk, wanted, unlock));
  return report(choice, admission_json(done),
                done.agency.text() + " is admitted with the fingerprint\n\n    " +
                    done.fingerprint + "\n\nIt takes effect with `keruen authority publish`.\n");
}

Result<void> renew(const Choice& choice, const Options& options) {
  Workplace place;
  KERUEN_TRY(const auto agency, AgencyId::parse(options.agency));
  KERUEN_TRY(const auto unlock,
             unlock_with(place.disk, options.credential, "the authority's key", Ask::once));
  KERUEN_TRY(const auto done, authority::renew(place.desk, {options.directory, agency}, unlock));
  const std::string until = content::instant_text(done.certificate_valid_until);
  const std::string before = content::instant_text(done.valid_until_before);
  return report(choice,
                {{"agency", done.agency.text()},
                 {"certificate_valid_until", until},
                 {"valid_until_before", before}},
                "The certificate of " + done.agency.text() + " is valid until " + until +
                    " (before: " + before +
                    "). It takes effect with `keruen authority publish`; the agency has nothing "
                    "to do.\n");
}

Result<std::vector<MessageKind>> kinds_of(const Options& options) {
  std::vector<MessageKind> kinds;
  for (const std::string& word : options.kinds) {
    const auto kind = message_kind_named(word);
    if (!kind) return fail(ErrorCode::malformed, "--kind " + word + ": notice, schedule, evidence");
    kinds.push_back(*kind);
  }
  return kinds;
}

Result<void> change_rule(const Choice& choice, const Options& options, bool allowing) {
  Workplace place;
  authority::RuleChange change;
  change.directory = options.directory;
  KERUEN_TRY(change.from, PartyId::parse(options.from));
  KERUEN_TRY(change.to, PartyId::parse(options.to));
  KERUEN_TRY(change.kinds, kinds_of(options));
  KERUEN_TRY(const auto kinds, allowing ? authority::allow(place.desk, change)
                                        : authority::forbid(place.desk, change));
  Ordered json = {{"from", options.from}, {"to", options.to}, {"kinds", Ordered::array()}};
  std::string words;
  for (const MessageKind kind : kinds) {
    json["kinds"].push_back(name_of(kind));
    words += (words.empty() ? "" : ", ") + std::string(name_of(kind));
  }
  return report(choice, json,
                options.from + " may send " + options.to + ": " +
                    (words.empty() ? "nothing" : words) +
                    ". It takes effect with `keruen authority publish`.\n");
}

Result<void> make_operator(const Choice& choice, const Options& options) {
  Workplace place;
  authority::OperatorMake wanted;
  wanted.directory = options.directory;
  KERUEN_TRY(wanted.name, OperatorName::parse(options.name));
  const auto role = authority::operator_role_named(options.role);
  if (!role) {
    return fail(ErrorCode::malformed, "--role: must be monitor, administrator or courier");
  }
  wanted.role = *role;
  wanted.out = options.out;
  KERUEN_TRY(const auto made, authority::make_operator(place.desk, wanted));
  return report(
      choice,
      {{"config", made.config_file}, {"key", made.key_file}, {"credential", made.credential_file}},
      "Operator " + options.name + " (" + options.role + ") uses " + made.config_file +
          " once `keruen authority publish` ran.\n");
}

Result<void> set_status(const Choice& choice, const Options& options, wire::AgencyStatus status) {
  Workplace place;
  KERUEN_TRY(const auto agency, AgencyId::parse(options.agency));
  KERUEN_CHECK(authority::set_status(place.desk, options.directory, agency, status));
  const std::string word = status == wire::AgencyStatus::active ? "active" : "suspended";
  return report(
      choice, {{"agency", agency.text()}, {"status", word}},
      agency.text() + " is " + word + "; it takes effect with `keruen authority publish`.\n");
}

Result<void> publish(const Choice& choice, const Options& options) {
  Workplace place;
  authority::Publication wanted;
  wanted.directory = options.directory;
  wanted.checkpoint_file = options.checkpoint;
  for (std::size_t i = 0; i < options.co_signers.size(); ++i) {
    const std::string credential =
        i < options.co_credentials.size() ? options.co_credentials[i] : std::string();
    KERUEN_TRY(auto unlock, unlock_with(place.disk, credential,
                                        "the key in " + options.co_signers[i], Ask::once));
    wanted.further_signers.push_back({options.co_signers[i], std::move(unlock)});
  }
  KERUEN_TRY(const auto unlock,
             unlock_with(place.disk, options.credential, "the authority's key", Ask::once));
  KERUEN_TRY(const auto done, authority::publish(place.desk, wanted, unlock));
  Ordered json = {{"version", done.version.value},
                  {"expires_at", content::instant_text(done.expires_at)},
                  {"registry", done.registry_file},
                  {"invitations", done.invitation_files}};
  if (done.broker_file) json["broker"] = *done.broker_file;
  if (done.broker_fault) json["broker_fault"] = *done.broker_fault;
  std::string words = "Registry version " + std::to_string(done.version.value) + ", valid until " +
                      content::instant_text(done.expires_at) + ".\n";
  if (done.broker_fault) {
    words += "It could not be put into the broker's folder: " + *done.broker_fault + ".\n";
  }
  // A folder on this machine may be a copy that was carried away, so nobody here can say more.
  words += done.broker_file
               ? "It was put into " + *done.broker_file +
                     ": a broker on this machine takes it from there by itself.\n" +
                     "If the broker runs elsewhere, carry " + done.registry_file + " to it.\n"
               : "Carry " + done.registry_file + " to the broker, beside its broker.toml.\n";
  words += "Invitations, one per agency, to be carried there:\n";
  for (const auto& file : done.invitation_files) words += "  " + file + "\n";
  return report(choice, json, words);
}

Result<void> catch_up(const Choice& choice, const Options& options) {
  Workplace place;
  KERUEN_TRY(const auto done,
             authority::catch_up(place.desk, {options.directory, options.registry}));
  std::string words = "The state is that of registry version " +
                      std::to_string(done.version.value) + " now; it was of version " +
                      std::to_string(done.version_before.value) +
                      ". What was changed here and is not in that registry is undone.\n";
  if (!done.suspended.empty()) words += "Suspended: " + words_of(done.suspended) + ".\n";
  if (!done.gone.empty()) {
    words += "Not in it, so gone from here: " + words_of(done.gone) + "; admit them again.\n";
  }
  words += "Next: give again what was changed since, then keruen authority publish\n";
  return report(choice,
                {{"version", done.version.value},
                 {"version_before", done.version_before.value},
                 {"suspended", json_of(done.suspended)},
                 {"gone", json_of(done.gone)}},
                words);
}

void add_authority(CLI::App& app, Choice& choice) {
  CLI::App* authority = app.add_subcommand(
      "authority", "The exchange authority's desk: who takes part, by what rule");
  authority->footer(
      with_example("keruen authority init --exchange kz.exchange --dir authority", ""));
  authority->require_subcommand(1);
  auto options = std::make_shared<Options>();
  enum class Key : std::uint8_t { needed, not_needed };
  const auto add = [&](const char* name, const char* help, const char* example, Key key,
                       auto work) {
    CLI::App* verb = authority->add_subcommand(name, help);
    verb->footer(with_example(example, ""));
    verb->add_option("--dir", options->directory, "the authority's folder")->required();
    if (key == Key::needed) {
      verb->add_option("--credential", options->credential,
                       "a file that opens the key; else the passphrase is asked");
    }
    verb->callback([&choice, options, work] {
      choice.run = [&choice, options, work] {
        const Result<void> done = work(choice, *options);
        return done ? ExitCode::ok : choice.explain(done.error(), During::local_work);
      };
    });
    return verb;
  };

  CLI::App* verb =
      add("init", "Make the authority's key and root certificate",
          "keruen authority init --exchange kz.exchange --dir authority", Key::needed, init);
  verb->add_option("--exchange", options->exchange, "the exchange's name, like kz.exchange")
      ->required();
  verb->add_option("--name", options->name, "in the root certificate")->check(utf8_text());
  verb->add_option("--further-root", options->further_roots,
                   "root.pem of another authority of this exchange; once for each");
  verb->add_option("--threshold", options->threshold, "how many authorities must sign")
      ->capture_default_str();

  verb = add("broker", "Make a broker's keys and configuration",
             "keruen authority broker --dir authority --endpoint tcp://127.0.0.1:7400 --out broker",
             Key::not_needed, make_broker);
  // Making a broker needs no authority key; scripts may pass the same options everywhere.
  verb->add_option("--credential", options->credential)->group("");
  verb->add_option("--endpoint", options->endpoint, "tcp://HOST:PORT that agents connect to")
      ->required();
  verb->add_option("--out", options->out, "the broker's folder")->required();

  verb = add("admit", "Admit an agency by its request",
             "keruen authority admit --dir authority customs/kz.customs.request --group kz.all",
             Key::needed, admit);
  verb->add_option("REQUEST", options->request, "ID.request, as `agency init` wrote it")
      ->required();
  verb->add_option("--group", options->groups, "put it into this group; once for each");
  verb->add_option("--parent", options->parent, "the agency above it");
  verb->add_flag("--yes", options->yes, "the fingerprint was compared already");

  verb = add("renew", "Give an agency's certificate new days, under the same key",
             "keruen authority renew --dir authority kz.customs", Key::needed, renew);
  verb->add_option("AGENCY", options->agency, "its id")->required();

  const auto add_rule = [&](const char* name, const char* help, const char* example,
                            bool allowing) {
    CLI::App* rule = add(name, help, example, Key::not_needed,
                         [allowing](const Choice& with, const Options& given) {
                           return change_rule(with, given, allowing);
                         });
    rule->add_option("--credential", options->credential)->group("");
    rule->add_option("--from", options->from, "agency or group")->required();
    rule->add_option("--to", options->to, "agency or group")->required();
    rule->add_option("--kind", options->kinds, "notice, schedule or evidence; once for each")
        ->required();
  };
  add_rule("allow", "Let one agency or group send to another",
           "keruen authority allow --dir authority --from kz.all --to kz.all --kind notice", true);
  add_rule("forbid", "Take such a rule back",
           "keruen authority forbid --dir authority --from kz.all --to kz.all --kind notice",
           false);

  verb =
      add("operator", "Make an operator's key",
          "keruen authority operator --dir authority --name duty --role monitor --out admin.toml",
          Key::not_needed, make_operator);
  verb->add_option("--credential", options->credential)->group("");
  verb->add_option("--name", options->name, "a short name")->required();
  verb->add_option("--role", options->role, "monitor, administrator or courier")
      ->capture_default_str();
  verb->add_option("--out", options->out,
                   "the file to write, like duty.toml; key and credential are put beside it")
      ->required();

  const auto add_status = [&](const char* name, const char* help, const char* example,
                              wire::AgencyStatus status) {
    CLI::App* change = add(name, help, example, Key::not_needed,
                           [status](const Choice& with, const Options& given) {
                             return set_status(with, given, status);
                           });
    change->add_option("--credential", options->credential)->group("");
    change->add_option("AGENCY", options->agency, "its id")->required();
  };
  add_status("suspend", "Stop an agency from sending and receiving",
             "keruen authority suspend --dir authority kz.customs", wire::AgencyStatus::suspended);
  add_status("resume", "Let a suspended agency take part again",
             "keruen authority resume --dir authority kz.customs", wire::AgencyStatus::active);

  verb = add("publish", "Sign the registry; write invitations",
             "keruen authority publish --dir authority", Key::needed, publish);
  verb->add_option("--with", options->co_signers, "folder of a further authority that signs");
  verb->add_option("--with-credential", options->co_credentials, "what opens its key, in order");
  verb->add_option("--checkpoint", options->checkpoint, "newest checkpoint of the log");

  verb =
      add("catch-up", "Bring a state from an older backup up to the newest registry",
          "keruen authority catch-up --dir authority registry.snapshot", Key::not_needed, catch_up);
  verb->add_option("--credential", options->credential)->group("");
  verb->add_option("REGISTRY", options->registry, "registry.snapshot of the broker's folder")
      ->required();
}

struct AgencyOptions {
  std::string id;
  std::vector<std::string> names;
  std::string directory;
  std::string exchange;
  std::string credential;
  bool passphrase = false;
  std::string invitation;
  bool accept_other_roots = false;
};

Result<void> init_agency(const Choice& choice, const AgencyOptions& options) {
  Workplace place;
  authority::AgencyInit wanted;
  KERUEN_TRY(wanted.agency, AgencyId::parse(options.id));
  wanted.directory = options.directory;
  for (const std::string& pair : options.names) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::malformed,
                  "--name " + printable(pair, LineEnds::fold) +
                      ": write LANGUAGE=NAME, like en=\"Customs Control Committee\"");
    }
    wanted.names[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (!options.exchange.empty()) {
    KERUEN_TRY(wanted.exchange, Origin::parse(options.exchange));
  }
  // Whoever sets the agency up is its first officer; more are written into agent.toml.
  const std::string account = account_name();
  wanted.officers[account] = {account, account, "", ""};
  if (options.passphrase) {
    KERUEN_TRY(wanted.passphrase, unlock_with(place.disk, "", "the agency's keys", Ask::twice));
  }
  KERUEN_TRY(const auto made, authority::init_agency(place.desk, wanted));
  return report(choice,
                {{"request", made.request_file},
                 {"config", made.config_file},
                 {"exchange", made.exchange.text()},
                 {"fingerprint", made.fingerprint}},
                "The keys of " + options.id + " are in " + options.directory +
                    " and stay there. It will take part in " + made.exchange.text() + ".\n" +
                    shared_fingerprint_words(made.fingerprint) + "Next: carry " +
                    made.request_file +
                    " to the exchange authority and read the fingerprint out to it.\n");
}

Result<void> join_agency(const Choice& choice, const AgencyOptions& options) {
  Workplace place;
  const auto roots =
      options.accept_other_roots ? authority::RootChange::accept : authority::RootChange::refuse;
  KERUEN_TRY(const auto done,
             authority::join_agency(place.desk, {options.directory, options.invitation, roots}));
  Ordered json = {{"agency", done.agency.text()},
                  {"exchange", done.exchange.text()},
                  {"broker", done.broker_endpoint},
                  {"threshold", done.threshold},
                  {"roots", Ordered::array()}};
  std::string words = done.agency.text() + " joins " + done.exchange.text() + " at " +
                      done.broker_endpoint + ".\nCompare with the authority over the telephone (" +
                      std::to_string(done.threshold) + " of these must sign):\n\n";
  for (const auto& root : done.roots) {
    json["roots"].push_back({{"name", root.name}, {"fingerprint", root.fingerprint}});
    words += "    " + root.fingerprint + "  " + printable(root.name, LineEnds::fold) + "\n";
  }
  words += "\nNext: keruen-agent --config " + options.directory + "/agent.toml\n";
  return report(choice, json, words);
}

void add_agency(CLI::App& app, Choice& choice) {
  CLI::App* agency = app.add_subcommand("agency", "Setting up an agency");
  agency->footer(
      with_example("keruen agency init --id kz.customs --name en=Customs --dir customs", ""));
  agency->require_subcommand(1);
  auto options = std::make_shared<AgencyOptions>();
  const auto add = [&](const char* name, const char* help, const char* example, auto work) {
    CLI::App* verb = agency->add_subcommand(name, help);
    verb->footer(with_example(example, ""));
    verb->add_option("--dir", options->directory, "the agency's folder")->required();
    verb->callback([&choice, options, work] {
      choice.run = [&choice, options, work] {
        const Result<void> done = work(choice, *options);
        return done ? ExitCode::ok : choice.explain(done.error(), During::local_work);
      };
    });
    return verb;
  };
  CLI::App* verb = add("init", "Make an agency's keys and its request",
                       "keruen agency init --id kz.customs --name en=\"Customs Control "
                       "Committee\" --dir customs",
                       init_agency);
  verb->add_option("--id", options->id, "like kz.customs")->required();
  verb->add_option("--name", options->names, "LANGUAGE=NAME; once for each language")
      ->required()
      ->check(utf8_text());
  verb->add_option("--exchange", options->exchange,
                   "the exchange to join; else FIRST-LABEL.exchange, like kz.exchange");
  verb->add_flag("--passphrase", options->passphrase,
                 "a person opens the keys at each start; else a credential file does");
  verb = add("join", "Take in the authority's invitation",
             "keruen agency join --dir customs authority/out/kz.customs.invitation", join_agency);
  verb->add_option("INVITATION", options->invitation, "ID.invitation from the authority")
      ->required();
  verb->add_flag("--accept-other-roots", options->accept_other_roots,
                 "the authority's roots changed, and you compared them");
}

}  // namespace

void add_authority_verbs(CLI::App& app, Choice& choice) {
  add_authority(app, choice);
  add_agency(app, choice);
}

}  // namespace keruen::cli
