// SPDX-License-Identifier: Apache-2.0
// `melon vendors check` and `melon vendors admit`: descriptors tried without a daemon or a cluster.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/vendors_offline.h"
#include "config/descriptors.h"
#include "vendors/admission.h"

namespace melon::cli {
namespace {

using Json = nlohmann::ordered_json;

Result<int> check_file(Session& session, const std::string& file) {
  MELON_TRY(const config::Checked checked, config::load_descriptors_with(file));
  const vendors::Descriptor* const own = vendors::find(checked.descriptors, checked.id);
  Json words = Json::array();
  if (own != nullptr)
    for (const vendors::Backend& backend : own->backends) words.push_back(backend.word);
  if (session.structured()) {
    session.print(
        {}, {{"file", file}, {"id", checked.id}, {"backends", words}, {"notes", checked.notes}});
    return kOk;
  }
  for (const std::string& note : checked.notes) *session.out << note << '\n';
  if (own == nullptr) {
    *session.out << fmt::format("{}: HAMi's configuration of devices keeps the rules\n", file);
  } else {
    *session.out << fmt::format("{}: vendor '{}' with {} backends keeps the rules\n", file,
                                checked.id, own->backends.size());
  }
  return kOk;
}

/// "a=1,b=2". Errors: kInvalidArgument.
Result<std::map<std::string, std::string>> read_pairs(std::string_view text) {
  std::map<std::string, std::string> pairs;
  while (!text.empty()) {
    const auto item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const auto equal = item.find('=');
    if (equal == std::string_view::npos || equal == 0)
      return fail(Code::kInvalidArgument, fmt::format("'{}' is not NAME=VALUE", item),
                  "write NAME=VALUE, with commas between several");
    pairs[std::string(item.substr(0, equal))] = item.substr(equal + 1);
  }
  return pairs;
}

struct AdmitFlags {
  std::string limits;
  std::string annotations;
  std::string file;
  std::string compatibility = "none";
};

std::string memory_text(const vendors::Demand& demand) {
  if (demand.memory.count() != 0) return fmt::format("{} MiB", demand.memory.count());
  return demand.memory_percent == 0 ? "-" : fmt::format("{}%", demand.memory_percent);
}

Table table_of(const vendors::Admission& admission, const vendors::Catalogue& catalogue) {
  Table table{.columns = {{.header = "BACKEND"},
                          {.header = "DEVICES"},
                          {.header = "MEMORY"},
                          {.header = "COMPUTE"},
                          {.header = "TEMPLATE"}},
              .rows = {}};
  for (const vendors::Demand& demand : admission.demands.front())
    table.rows.push_back({catalogue.backend(demand.backend).word, std::to_string(demand.count),
                          memory_text(demand), std::to_string(demand.compute),
                          demand.template_name.empty() ? "-" : demand.template_name});
  return table;
}

Json json_of(const vendors::Admission& admission, const vendors::Catalogue& catalogue) {
  Json demands = Json::array();
  for (const vendors::Demand& demand : admission.demands.front())
    demands.push_back({{"backend", catalogue.backend(demand.backend).word},
                       {"count", demand.count},
                       {"memory_mib", demand.memory.count()},
                       {"memory_percent", demand.memory_percent},
                       {"compute", demand.compute},
                       {"template", demand.template_name},
                       {"costs", demand.costs}});
  return {{"demands", std::move(demands)},
          {"limits", admission.pod.containers.front().limits},
          {"environment", admission.pod.containers.front().environment},
          {"annotations", admission.pod.annotations}};
}

Result<int> admit(Session& session, const AdmitFlags& flags) {
  MELON_TRY(const auto mode, vendors::parse_word<vendors::Compatibility>(flags.compatibility));
  config::Checked checked;
  if (flags.file.empty()) {
    MELON_TRY(checked.descriptors, config::load_descriptors(""));
  } else {
    MELON_TRY(checked, config::load_descriptors_with(flags.file));
  }
  const vendors::Catalogue catalogue(checked.descriptors);
  vendors::PodSpec pod{.containers = {{.name = "container"}}};
  MELON_TRY(pod.containers.front().limits, read_pairs(flags.limits));
  MELON_TRY(pod.annotations, read_pairs(flags.annotations));
  MELON_TRY(const auto admission, vendors::admit(pod, catalogue, {.mode = mode}));
  session.print(table_of(admission, catalogue), json_of(admission, catalogue));
  if (session.structured()) return kOk;
  for (const auto& [name, amount] : admission.pod.containers.front().limits)
    *session.out << fmt::format("limit {}: {}\n", name, amount);
  return kOk;
}

}  // namespace

Command vendors_check_command() {
  auto file = std::make_shared<std::string>();
  return {
      .name = "check",
      .summary = "Check a vendor's descriptor, or HAMi's device-config.yaml",
      .parameters = {{.names = "FILE",
                      .target = file.get(),
                      .text = "A YAML file; it is checked together with the built-in vendors",
                      .required = true}},
      .examples = {{"melon vendors check acme.yaml", "What is wrong, with the line, or nothing"}},
      .run = [file](Session& session) { return check_file(session, *file); }};
}

Command vendors_admit_command() {
  auto flags = std::make_shared<AdmitFlags>();
  return {.name = "admit",
          .summary = "Show what a cluster's container with these limits would ask for",
          .parameters = {{.names = "LIMITS",
                          .target = &flags->limits,
                          .text = "RESOURCE=AMOUNT, with commas between several",
                          .required = true},
                         {.names = "--annotations",
                          .target = &flags->annotations,
                          .value = "NAME=VALUE,...",
                          .text = "Annotations of the pod"},
                         {.names = "-f,--filename",
                          .target = &flags->file,
                          .value = "FILE",
                          .text = "A descriptor beside the built-in ones"},
                         {.names = "--compat",
                          .target = &flags->compatibility,
                          .value = "RELEASE",
                          .text = "Whose rules decide where they differ",
                          .choices = {"none", "hami-2.9", "hami-2.10"}}},
          .examples =
              {{"melon vendors admit -f example.yaml example.org/card=1,example.org/memory=3000",
                "One device of the vendor that example.yaml describes, and part of its memory"}},
          .run = [flags](Session& session) { return admit(session, *flags); }};
}

}  // namespace melon::cli
