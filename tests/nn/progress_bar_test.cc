#include "nn/progress_bar.h"

#include <sstream>

#include "gtest/gtest.h"

namespace adjoint::nn {
namespace {

Logs SomeLogs() {
  Logs logs;
  logs.Set("loss", 0.50843);
  logs.Set("binary_accuracy", 0.78127);
  logs.Set("val_loss", 0.00012345);
  return logs;
}

TEST(ProgressBarTest, DrawsOneLineWhereThereIsNoTerminal) {
  std::ostringstream out;
  double now = 10;
  ProgressBar bar(30, {.out = &out, .now = [&] { return now; }});
  now = 10.1;
  EXPECT_FALSE(bar.IsDue());
  bar.Update(7, SomeLogs());
  EXPECT_EQ(out.str(), "");
  now = 10.15;
  bar.Finish(SomeLogs());
  EXPECT_EQ(out.str(),
            "30/30 [==============================] - 0s 5ms/step - loss: 0.5084 - "
            "binary_accuracy: 0.7813 - val_loss: 1.2345e-04\n");
}

TEST(ProgressBarTest, RedrawsInPlaceOnATerminal) {
  std::ostringstream out;
  double now = 0;
  ProgressBar bar(782, {.out = &out, .in_place = true, .now = [&] { return now; }});
  EXPECT_TRUE(bar.IsDue());
  now = 1;
  Logs logs;
  logs.Set("loss", 0.25);
  bar.Update(1, logs);
  now = 1.04;
  EXPECT_FALSE(bar.IsDue());
  now = 1.06;
  EXPECT_TRUE(bar.IsDue());
  now = 10;
  bar.Update(391, logs);
  now = 20;
  bar.Finish(logs);
  EXPECT_EQ(out.str(),
            "\r  1/782 [..............................] - ETA: 13:01 - loss: 0.2500"
            "\r391/782 [==============>...............] - ETA: 10s - loss: 0.2500  "
            "\r782/782 [==============================] - 20s 26ms/step - loss: 0.2500\n");
}

TEST(ProgressBarTest, TellsHowFarValidationIs) {
  std::ostringstream out;
  double now = 0;
  ProgressBar bar(30, {.out = &out, .in_place = true, .now = [&] { return now; }});
  Logs logs;
  logs.Set("loss", 0.25);
  now = 3;
  bar.UpdateValidation(12, 40, logs);
  EXPECT_FALSE(bar.IsDue());
  now = 4;
  bar.Finish(logs);
  EXPECT_EQ(out.str(),
            "\r30/30 [==============================] - validating, 12 of 40 - loss: 0.2500"
            "\r30/30 [==============================] - 4s 133ms/step - loss: 0.2500       \n");
  out.str("");
  ProgressBar(0, {.out = &out, .in_place = true}).UpdateValidation(3, 0, logs);
  EXPECT_EQ(out.str(), "\rvalidating, 3 - loss: 0.2500");
  out.str("");
  ProgressBar(30, {.out = &out}).UpdateValidation(3, 0, logs);  // no terminal
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressBarTest, TellsWhatTheWholeRunTakes) {
  std::ostringstream out;
  double now = 0;
  const auto update = [&](const ProgressBar::Run& run, int64_t done, double seconds) {
    out.str("");
    now = 0;
    ProgressBar bar(40, {.out = &out, .in_place = true, .run = run, .now = [&] { return now; }});
    now = seconds;
    bar.Update(done, Logs());
    return out.str();
  };
  // In the first epoch by its own pace: 30 s of it left, and four of 40 s.
  EXPECT_EQ(update({.left = 4}, 10, 10),
            "\r10/40 [======>.......................] - ETA: 30s (run: 3:10)");
  // Then by that of the last one: of 50 s 40 are left, validation among them, and two of 50 s.
  EXPECT_EQ(update({.left = 2, .epoch_seconds = 50}, 10, 10),
            "\r10/40 [======>.......................] - ETA: 30s (run: 2:20)");
  EXPECT_EQ(update({.left = 0, .epoch_seconds = 50}, 10, 10),
            "\r10/40 [======>.......................] - ETA: 30s");
}

TEST(ProgressBarTest, WithoutAKnownLength) {
  std::ostringstream out;
  double now = 0;
  ProgressBar bar(0, {.out = &out, .in_place = true, .now = [&] { return now; }});
  Logs logs;
  logs.Set("loss", 0.25);
  now = 1;
  bar.Update(200, logs);
  now = 2;
  bar.Finish(logs, 391);
  EXPECT_EQ(out.str(),
            "\r    200/Unknown - 1s 5ms/step - loss: 0.2500"
            "\r391/391 [==============================] - 2s 5ms/step - loss: 0.2500\n");
}

TEST(ProgressBarTest, TimesOfAllSizes) {
  const auto line = [](int64_t steps, double seconds) {
    std::ostringstream out;
    double now = 0;
    ProgressBar bar(steps, {.out = &out, .now = [&] { return now; }});
    now = seconds;
    bar.Finish(Logs());
    return out.str();
  };
  EXPECT_EQ(line(2, 0.0001), "2/2 [==============================] - 0s 50us/step\n");
  EXPECT_EQ(line(2, 5), "2/2 [==============================] - 5s 2s/step\n");
  std::ostringstream out;
  double now = 0;
  ProgressBar bar(100, {.out = &out, .in_place = true, .now = [&] { return now; }});
  now = 100;
  bar.Update(1, Logs());
  EXPECT_EQ(out.str(), "\r  1/100 [..............................] - ETA: 2:45:00");
}

TEST(ProgressBarTest, OtherVerbosities) {
  std::ostringstream out;
  double now = 0;
  ProgressBar line(30, {.out = &out, .verbosity = Verbosity::kLine, .now = [&] { return now; }});
  now = 2;
  line.Finish(SomeLogs());
  EXPECT_EQ(out.str(),
            "30/30 - 2s - loss: 0.5084 - binary_accuracy: 0.7813 - val_loss: 1.2345e-04\n");
  out.str("");
  ProgressBar silent(30, {.out = &out, .verbosity = Verbosity::kSilent});
  silent.Finish(SomeLogs());
  EXPECT_EQ(out.str(), "");
}

}  // namespace
}  // namespace adjoint::nn
