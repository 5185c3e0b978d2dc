// SPDX-License-Identifier: Apache-2.0
// Templates, patterns, and each rule that a set of descriptors keeps.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "vendors/builtin.h"
#include "vendors/descriptor.h"
#include "vendors/variables.h"

namespace melon::vendors {
namespace {

Descriptor good() {
  return {.id = "acme",
          .title = "Acme cards",
          .libraries = {"libacme.so.1"},
          .kinds = {Kind::kGpu},
          .enforcement = core::Enforcement::kShim,
          .process_libraries = {"libacme*.so*"},
          .environment = {{"ACME_VISIBLE", "{device_ids}"}},
          .resources = {.count = "acme.com/card", .memory = "acme.com/memory"},
          .resource_aliases = {{"acme.com/old-card", "acme.com/card"}},
          .source = "acme.yaml"};
}

/// The fields of what is wrong with this descriptor alone.
std::string broken_fields(const Descriptor& descriptor) {
  std::string fields;
  for (const Violation& violation : check(std::span(&descriptor, 1))) {
    EXPECT_FALSE(violation.message.empty());
    EXPECT_FALSE(violation.remedy.empty()) << violation.message;
    fields += (fields.empty() ? "" : " ") + violation.field;
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
      {[](Descriptor& d) { d.resources.compute = "cores"; }, "resources.compute"},
      {[](Descriptor& d) { d.resources.compute = "acme.com/card"; }, "resources.compute"},
      {[](Descriptor& d) {
         d.resource_aliases = {{"acme.com/x", "acme.com/gone"}};
       },
       "resource_aliases.acme.com/x"},
  };
  for (const Case& one : kCases) {
    Descriptor descriptor = good();
    one.spoil(descriptor);
    EXPECT_EQ(broken_fields(descriptor), one.field);
  }
}

TEST(Check, IdsAndResourcesAreUniqueOverAllVendors) {
  Descriptor other = good();
  const Descriptor same_id[] = {good(), other};
  EXPECT_EQ(check(same_id).front().field, "id");
  other.id = "other";
  const Descriptor same_resources[] = {good(), other};
  EXPECT_EQ(check(same_resources).size(), 3U);
  EXPECT_EQ(check(same_resources).front().descriptor, 1U);
  other.resources = {};
  other.resource_aliases = {};
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

TEST(Words, ReadBackAndRefuseOthers) {
  for (const auto value : {Discovery::kOpencl, Discovery::kNvml})
    EXPECT_EQ(*parse_discovery(to_text(value)), value);
  for (const auto value : {Kind::kCpu, Kind::kGpu, Kind::kAccelerator})
    EXPECT_EQ(*parse_kind(to_text(value)), value);
  EXPECT_EQ(parse_kind("fpga").error().code, Code::kInvalidArgument);
}

TEST(BuiltIn, FilesAreThere) { EXPECT_EQ(embedded::vendor_files().size(), 2U); }

}  // namespace
}  // namespace melon::vendors
