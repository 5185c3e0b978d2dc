// SPDX-License-Identifier: Apache-2.0
// Templates, patterns, and each rule that a set of descriptors keeps.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "vendors/builtin.h"
#include "vendors/descriptor.h"
#include "vendors/variables.h"

namespace melon::vendors {
namespace {

Backend good_backend() {
  return {.word = "Acme",
          .resources = {.count = "acme.com/card", .memory = "acme.com/memory"},
          .aliases = {{.name = "acme.com/old-card", .stands_for = Resource::kCount}},
          .memory = {.rounding = Rounding::kTemplate,
                     .templates = {{.name = "half", .memory = MiB(50), .cost = {{"core", 4}}}},
                     .whole = MiB(100),
                     .capacity = MiB(100)},
          .dimensions = {{"core", 8}},
          .registrations = {{.annotation = "acme.com/devices"}},
          .keys = {.allocated = "acme.com/allocated"}};
}

Descriptor good() {
  return {.id = "acme",
          .title = "Acme cards",
          .libraries = {"libacme.so.1"},
          .kinds = {Kind::kGpu},
          .enforcement = core::Enforcement::kShim,
          .process_libraries = {"libacme*.so*"},
          .environment = {{"ACME_VISIBLE", "{device_ids}"}},
          .backends = {good_backend()},
          .source = "acme.yaml"};
}

/// The fields of what is wrong with this descriptor alone.
std::string broken_fields(const Descriptor& descriptor) {
  std::string fields;
  for (const Violation& violation : check(std::span(&descriptor, 1))) {
    EXPECT_FALSE(violation.message.empty());
    EXPECT_FALSE(violation.remedy.empty()) << violation.message;
    fields += (fields.empty() ? "" : " ") + violation.field();
  }
  return fields;
}

TEST(Check, TakesAGoodOne) { EXPECT_EQ(broken_fields(good()), ""); }

TEST(Check, NamesTheFieldOfEachBrokenRule) {
  struct Case {
    void (*spoil)(Descriptor&);
    std::string_view field;
  };
  constexpr Case kCases[] = {
      {[](Descriptor& d) { d.id = "Acme"; }, "id"},
      {[](Descriptor& d) { d.id = ""; }, "id"},
      {[](Descriptor& d) { d.title = ""; }, "title"},
      {[](Descriptor& d) { d.libraries.clear(); }, "libraries"},
      {[](Descriptor& d) { d.kinds.clear(); }, "kinds"},
      {[](Descriptor& d) { d.process_libraries.clear(); }, "process_libraries"},
      {[](Descriptor& d) { d.process_libraries = {"*"}; }, "process_libraries"},
      {[](Descriptor& d) { d.process_libraries = {"/lib/libacme.so"}; }, "process_libraries"},
      {[](Descriptor& d) { d.device_nodes = {"/tmp/acme"}; }, "device_nodes"},
      {[](Descriptor& d) {
         d.environment = {{"ACME", "{uuid}"}};
       },
       "environment.ACME"},
      {[](Descriptor& d) {
         d.environment = {{"ACME", "{library"}};
       },
       "environment.ACME"},
      {[](Descriptor& d) {
         d.environment = {{"A=B", "x"}};
       },
       "environment.A=B"},
      {[](Descriptor& d) { d.discovery = Discovery::kNone; }, "enforcement"},
  };
  for (const Case& one : kCases) {
    Descriptor descriptor = good();
    one.spoil(descriptor);
    EXPECT_EQ(broken_fields(descriptor), one.field);
  }
}

TEST(Check, NamesTheFieldOfEachBrokenRuleOfABackend) {
  struct Case {
    void (*spoil)(Backend&);
    std::string_view field;  // below backends.0
  };
  constexpr Case kCases[] = {
      {[](Backend& b) { b.word = "two words"; }, "word"},
      {[](Backend& b) { b.resources.compute = "cores"; }, "resources.compute"},
      {[](Backend& b) { b.resources.compute = "acme.com/card"; }, "resources.compute"},
      {[](Backend& b) {
         b.resources = {.memory = "acme.com/memory"};
         b.aliases.clear();
       },
       "resources"},
      {[](Backend& b) { b.aliases[0].name = "old"; }, "aliases.0.name"},
      {[](Backend& b) { b.aliases[0].stands_for = Resource::kPriority; }, "aliases.0.stands_for"},
      {[](Backend& b) { b.memory.unit_mib = 0; }, "memory.unit_mib"},
      {[](Backend& b) { b.memory.default_percent = 101; }, "memory.default_percent"},
      {[](Backend& b) { b.memory.whole = MiB(101); }, "memory.whole"},
      {[](Backend& b) { b.memory.templates[0].memory = MiB(101); }, "memory.templates"},
      {[](Backend& b) { b.memory.templates.push_back(b.memory.templates[0]); },
       "memory.templates.1.memory"},
      {[](Backend& b) {
         b.memory.templates[0].cost = {{"cpu", 1}};
       },
       "memory.templates.0.cost.cpu"},
      {[](Backend& b) {
         b.memory.templates[0].cost = {{"core", 9}};
       },
       "memory.templates.0.cost.core"},
      {[](Backend& b) {
         b.memory = {.rounding = Rounding::kTier, .tiers_mib = {2, 1}};
       },
       "memory.tiers_mib"},
      {[](Backend& b) { b.memory = {.rounding = Rounding::kLegal}; }, "memory.legal_units"},
      {[](Backend& b) { b.memory = {.rounding = Rounding::kProfile}; }, "memory.rounding"},
      {[](Backend& b) { b.compute.units_per_device = 0; }, "compute.units_per_device"},
      {[](Backend& b) { b.compute.default_units = 101; }, "compute"},
      {[](Backend& b) { b.compute.from_memory = true; }, "compute.from_memory"},
      {[](Backend& b) { b.compute.only_in_soft_mode = true; }, "compute.only_in_soft_mode"},
      {[](Backend& b) { b.partitions = {{.profiles = {{.name = "1g"}}}}; },
       "partitions.0.profiles.0"},
      {[](Backend& b) { b.registrations[0].annotation.clear(); }, "registrations.0.annotation"},
      {[](Backend& b) {
         b.registrations = {{.format = RegistrationFormat::kCapacity, .id = "{i}"}};
       },
       "registrations.0.id"},
      {[](Backend& b) {
         b.registrations = {
             {.format = RegistrationFormat::kCapacity, .per_device = 0, .id = "{node}-{i}"}};
       },
       "registrations.0.devices_from"},
      {[](Backend& b) { b.picker.kind = PickerKind::kBiggestGroup; }, "picker.attribute"},
      {[](Backend& b) { b.picker.kind = PickerKind::kAlignedRun; }, "picker.counts"},
      {[](Backend& b) { b.picker.kind = PickerKind::kWings; }, "picker.wing_size"},
      {[](Backend& b) {
         b.picker = {.kind = PickerKind::kWings, .wing_size = 4, .quads = {{0, 1, 2, 8}}};
       },
       "picker.quads.0"},
      {[](Backend& b) { b.picker.ring_label = "x"; }, "picker.ring_label"},
      {[](Backend& b) { b.liveness.kind = LivenessKind::kHandshake; }, "liveness.annotation"},
      {[](Backend& b) { b.lock.kind = LockKind::kNode; }, "lock.annotation"},
      {[](Backend& b) { b.keys = {.to_allocate = "acme.com/to-allocate"}; }, "keys.allocated"},
      {[](Backend& b) {
         b.fixed_annotations = {{"acme.com/x", "{nobody}"}};
       },
       "fixed_annotations.acme.com/x"},
      {[](Backend& b) {
         b.environment = {{"ACME", "{json uuid}"}};
       },
       "environment.ACME"},
  };
  for (const Case& one : kCases) {
    Descriptor descriptor = good();
    one.spoil(descriptor.backends.front());
    EXPECT_EQ(broken_fields(descriptor), "backends.0." + std::string(one.field));
  }
}

TEST(Check, IdsAndResourcesAreUniqueOverAllVendors) {
  Descriptor other = good();
  const Descriptor same_id[] = {good(), other};
  EXPECT_EQ(check(same_id).front().field(), "id");
  other.id = "other";
  const Descriptor same_names[] = {good(), other};
  EXPECT_EQ(check(same_names).size(), 4U);
  EXPECT_EQ(check(same_names).front().descriptor, 1U);
  EXPECT_EQ(check(same_names).front().field(), "backends.0.word");
  other.backends.clear();
  const Descriptor disjoint[] = {good(), other};
  EXPECT_TRUE(check(disjoint).empty());
}

TEST(Expand, JoinsValuesAndKeepsBraces) {
  const Variables variables{.library = "/usr/lib/libmelon.so",
                            .grant_folder = "/run/g",
                            .device_ids = {"GPU-1", "GPU-2"},
                            .device_indices = {0, 3},
                            .memory_mib = {"1024", "2048"}};
  EXPECT_EQ(*expand("{device_ids}", variables), "GPU-1,GPU-2");
  EXPECT_EQ(*expand("a{device_indices}b{memory_mib}", variables), "a0,3b1024,2048");
  EXPECT_EQ(*expand("{{x} {grant_folder} {library}", variables), "{x} /run/g /usr/lib/libmelon.so");
  EXPECT_EQ(*expand("", variables), "");
  EXPECT_EQ(expand("{", variables).error().code, Code::kInvalidArgument);
  EXPECT_EQ(expand("{}", variables).error().code, Code::kInvalidArgument);
  EXPECT_EQ(environment_of(good(), variables)->at("ACME_VISIBLE"), "GPU-1,GPU-2");
}

TEST(Expand, KnowsEveryNameItLists) {
  for (const std::string_view name : variable_names())
    EXPECT_TRUE(expand("{" + std::string(name) + "}", {})) << name;
}

TEST(MatchesPattern, LikeAShell) {
  EXPECT_TRUE(matches_pattern("libpocl-devices-*.so", "libpocl-devices-pthread.so"));
  EXPECT_TRUE(matches_pattern("lib*.so*", "libcuda.so.550.54"));
  EXPECT_TRUE(matches_pattern("/dev/nvidia?", "/dev/nvidia7"));
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_TRUE(matches_pattern("a*b*c", "aXbXbXc"));
  EXPECT_FALSE(matches_pattern("a*b*c", "aXbX"));
  EXPECT_FALSE(matches_pattern("/dev/nvidia?", "/dev/nvidiactl"));
  EXPECT_FALSE(matches_pattern("", "x"));
}

RC_GTEST_PROP(MatchesPattern, AStarStandsForWhateverIsThere,
              (const std::string& before, const std::string& middle, const std::string& after)) {
  RC_PRE((before + after).find_first_of("*?") == std::string::npos);
  RC_ASSERT(matches_pattern(before + "*" + after, before + middle + after));
}

TEST(IsProcessLibrary, LooksAtTheFileName) {
  EXPECT_TRUE(is_process_library(good(), "/opt/acme/lib/libacme-rt.so.2"));
  EXPECT_FALSE(is_process_library(good(), "/opt/libacme.so/x"));
  EXPECT_FALSE(is_process_library(good(), ""));
}

template <class E>
void expect_words_read_back() {
  for (const auto& [value, word] : Words<E>::kAll) {
    EXPECT_EQ(word_of(value), word);
    EXPECT_EQ(*parse_word<E>(word), value);
  }
  EXPECT_EQ(parse_word<E>("?").error().code, Code::kInvalidArgument);
}

TEST(Words, ReadBackAndRefuseOthers) {
  expect_words_read_back<Discovery>();
  expect_words_read_back<Kind>();
  expect_words_read_back<Resource>();
  expect_words_read_back<PickerKind>();
  expect_words_read_back<DeviceRule>();
  expect_words_read_back<RegistrationFormat>();
}

TEST(BuiltIn, FilesAreThere) { EXPECT_FALSE(embedded::vendor_files().empty()); }

}  // namespace
}  // namespace melon::vendors
