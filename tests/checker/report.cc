#include "tests/checker/report.h"

#include <nlohmann/json.hpp>

namespace keruen::checker {

std::string to_words(const Report& report) {
  std::string words;
  for (const Finding& finding : report.findings) {
    words += std::string(name_of(finding.kind)) + ": " + finding.value;
    if (!finding.sender.empty()) words += " from " + finding.sender;
    if (!finding.recipient.empty()) words += " to " + finding.recipient;
    if (!finding.lane.empty()) words += " (" + finding.lane + ")";
    words += ": " + finding.words + "\n";
  }
  for (const std::string& named : report.absences_named)
    words += "named by itself: " + named + "\n";
  words += std::string(name_of(report.verdict)) + ": " + std::to_string(report.sends) + " sends, " +
           std::to_string(report.deliveries) + " deliveries, " +
           std::to_string(report.findings.size()) + " findings";
  if (!report.why_unknown.empty()) words += "; " + report.why_unknown;
  return words + "\n";
}

std::string to_json(const Report& report) {
  nlohmann::json findings = nlohmann::json::array();
  for (const Finding& finding : report.findings) {
    nlohmann::json one{{"kind", name_of(finding.kind)}, {"value", finding.value},
                       {"sender", finding.sender},      {"recipient", finding.recipient},
                       {"lane", finding.lane},          {"words", finding.words}};
    if (finding.where) one["where"] = name_of(*finding.where);
    findings.push_back(std::move(one));
  }
  return nlohmann::json{
      {"verdict", name_of(report.verdict)},      {"sends", report.sends},
      {"deliveries", report.deliveries},         {"findings", std::move(findings)},
      {"absences_named", report.absences_named}, {"why_unknown", report.why_unknown}}
      .dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace keruen::checker
