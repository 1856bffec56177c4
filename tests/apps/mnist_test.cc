// The program //apps:mnist as users meet it, on digits that the test draws.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "apps/mnist/digits.h"
#include "apps/mnist/mistakes.h"
#include "core/philox.h"
#include "tests/apps/app_runner.h"

namespace adjoint::apps {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string BigEndian(uint32_t x) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(x >> shift));
  return text;
}

// Seven-segment digits of 12x20, somewhere within 28x28, with some noise.
std::string DrawSegments(int digit, PhiloxEngine& random) {
  constexpr const char* kSegments[] = {"abcdef", "bc",     "abged", "abgcd",   "fgbc",
                                       "afgcd",  "afgedc", "abc",   "abcdefg", "abcdfg"};
  std::string image(28 * 28, '\0');
  const int left = 6 + static_cast<int>(4 * UniformFloat(random()));
  const int top = 2 + static_cast<int>(4 * UniformFloat(random()));
  const auto fill = [&](int x, int y, int width, int height) {
    for (int j = y; j < y + height; ++j) {
      for (int i = x; i < x + width; ++i) {
        image[(top + j) * 28 + left + i] = static_cast<char>(200 + 55 * UniformFloat(random()));
      }
    }
  };
  for (const char* s = kSegments[digit]; *s != '\0'; ++s) {
    switch (*s) {
      case 'a':
        fill(0, 0, 12, 3);
        break;
      case 'b':
        fill(9, 0, 3, 11);
        break;
      case 'c':
        fill(9, 9, 3, 11);
        break;
      case 'd':
        fill(0, 17, 12, 3);
        break;
      case 'e':
        fill(0, 9, 3, 11);
        break;
      case 'f':
        fill(0, 0, 3, 11);
        break;
      default:
        fill(0, 8, 12, 3);
        break;
    }
  }
  return image;
}

void WriteDigits(const std::filesystem::path& folder, const std::string& part, int count,
                 uint64_t seed) {
  PhiloxEngine random({seed, 0, 0});
  std::string images =
      std::string("\0\0\x08\x03", 4) + BigEndian(count) + BigEndian(28) + BigEndian(28);
  std::string labels = std::string("\0\0\x08\x01", 4) + BigEndian(count);
  for (int i = 0; i < count; ++i) {
    const int digit = i * 7 % 10;
    images += DrawSegments(digit, random);
    labels.push_back(static_cast<char>(digit));
  }
  WriteAll(folder / (part + "-images-idx3-ubyte"), images);
  WriteAll(folder / (part + "-labels-idx1-ubyte"), labels);
}

// A place with 500 digits to train on and 60 to test with.
Place PlaceWithDigits(const std::string& name) {
  Place place(name);
  std::filesystem::create_directories(place.here() / "digits");
  WriteDigits(place.here() / "digits", "train", 500, 1);
  WriteDigits(place.here() / "digits", "t10k", 60, 2);
  return place;
}

RunResult Mnist(const Place& place, const std::vector<std::string>& args) {
  return place.Run(std::filesystem::absolute("apps/mnist").string(), args);
}

// The number that a run ends its evaluation with; -1 when there is none.
double TestAccuracy(const std::string& out) {
  const std::string kLabel = "test accuracy: ";
  const size_t at = out.find(kLabel);
  return at == std::string::npos ? -1 : std::stod(out.substr(at + kLabel.size()));
}

TEST(MnistAppTest, TrainsEvaluatesSavesAndPredicts) {
  const Place place = PlaceWithDigits("mnist_train");
  const RunResult run =
      Mnist(place, {"--data=digits", "--epochs=25", "--batch_size=32", "--validation=100"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.err, IsEmpty());
  for (const char* part :
       {"Model: \"mnist_dense\"", "Total params: 407,050",
        "training on 400 images, validating on the last 100: 25 epochs of batches of 32",
        "Epoch 25/25\n13/13 [==============================]", "val_accuracy: ", "Trained in ",
        "Training and validation loss\n", "Drawn in mnist_out/accuracy.svg",
        "Evaluating on 60 test images\n2/2 [", "Test loss: ", "label \\ taken for     0",
        "Mistakes drawn in mnist_out/mistakes.svg", "All of it as a page: mnist_out/report.html",
        "Saved in mnist_out/mnist.model and loaded again: its predictions are the same, bit for "
        "bit"}) {
    EXPECT_THAT(run.out, HasSubstr(part));
  }
  EXPECT_GE(TestAccuracy(run.out), 0.9);  // digits as plain as these
  EXPECT_THAT(place.Files(), AllOf(testing::Contains("mnist_out/loss.svg"),
                                   testing::Contains("mnist_out/accuracy.svg"),
                                   testing::Contains("mnist_out/mistakes.svg"),
                                   testing::Contains("mnist_out/mnist.model")));
  EXPECT_THAT(ReadAll(place.here() / "mnist_out/mistakes.svg"), HasSubstr(" on 60 test images"));

  const std::string page = ReadAll(place.here() / "mnist_out/report.html");
  for (const char* part : {"<title>Handwritten digits", "Test accuracy", "Confusion matrix",
                           "Training and validation loss", "<dt>Varied at random</dt><dd>no</dd>",
                           ">predicted</th>", "</html>"}) {
    EXPECT_THAT(page, HasSubstr(part));
  }

  const RunResult evaluate =
      Mnist(place, {"evaluate", "--data=digits", "--out=again", "--model=mnist_out/mnist.model"});
  ASSERT_EQ(evaluate.code, 0) << evaluate.err;
  EXPECT_EQ(TestAccuracy(evaluate.out), TestAccuracy(run.out));

  const RunResult predict = Mnist(place, {"predict", "3", "--data=digits"});
  ASSERT_EQ(predict.code, 0) << predict.err;
  EXPECT_THAT(predict.out, AllOf(StartsWith("test image 3, label 1\n"), HasSubstr("%%%%"),
                                 HasSubstr("\n> "), HasSubstr("\n  0  0.")));
  // The same digit dark on light, larger, as a picture.
  PhiloxEngine random({5, 0, 0});
  const std::string seven = DrawSegments(7, random);
  std::string pgm = "P5 # a seven\n84 84\n255\n";
  for (int y = 0; y < 84; ++y) {
    for (int x = 0; x < 84; ++x) pgm.push_back(static_cast<char>(255 - seven[y / 3 * 28 + x / 3]));
  }
  WriteAll(place.here() / "seven.pgm", pgm);
  const RunResult picture = Mnist(place, {"predict", "--image=seven.pgm"});
  ASSERT_EQ(picture.code, 0) << picture.err;
  EXPECT_THAT(picture.out, AllOf(StartsWith("seven.pgm\n"), HasSubstr("%%%%"), HasSubstr("\n> ")));
}

TEST(MnistAppTest, TheConvolutionalNetworkDoesNotDependOnThreads) {
  const Place place = PlaceWithDigits("mnist_conv");
  const auto train = [&](const std::string& threads, const std::string& seed) {
    const RunResult run =
        Mnist(place, {"--network=conv", "--data=digits", "--epochs=1", "--batch_size=100",
                      "--threads=" + threads, "--seed=" + seed, "--out=o"});
    EXPECT_EQ(run.code, 0) << run.err;
    EXPECT_THAT(run.out, AllOf(HasSubstr("batch_normalization_1 (Batch"),
                               HasSubstr("of batches of 100, images varied at random")));
    return ReadAll(place.here() / "o/mnist.model");
  };
  const std::string one = train("1", "1");
  EXPECT_EQ(train("2", "1"), one);
  EXPECT_NE(train("2", "2"), one);
}

TEST(MnistAppTest, TimesItsStepsAndTunesItsKernels) {
  const Place place = PlaceWithDigits("mnist_measured");
  const std::vector<std::string> args = {"--data=digits", "--epochs=1", "--trace=t/steps.json",
                                         "--autotune=choices.txt"};
  const RunResult run = Mnist(place, args);
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, AllOf(HasSubstr("\nautotune: 128x784x512: "),
                             HasSubstr("Steps of all programs, the most expensive first\n share "),
                             HasSubstr("us/run"), HasSubstr(" train %"),
                             HasSubstr("Trace written to t/steps.json\n")));
  const std::string trace = ReadAll(place.here() / "t/steps.json");
  EXPECT_THAT(trace, AllOf(HasSubstr("\"traceEvents\""), HasSubstr("fused_matmul")));
  EXPECT_EQ(trace.back(), '}');
  const std::string choices = ReadAll(place.here() / "choices.txt");
  EXPECT_THAT(choices, AllOf(StartsWith("adjoint kernel choices 1\n"), HasSubstr(" 128x784x512 ")));

  // They are found again, and nothing is timed.
  const RunResult again = Mnist(place, {"--data=digits", "--epochs=1", "--autotune=choices.txt"});
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, Not(AnyOf(HasSubstr("autotune: "), HasSubstr("Trace written"))));
  EXPECT_EQ(ReadAll(place.here() / "choices.txt"), choices);

  WriteAll(place.here() / "choices.txt", "adjoint kernel choices 1\nmatmul so so\n");
  const RunResult damaged = Mnist(place, {"--data=digits", "--autotune=choices.txt"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_THAT(damaged.err, AllOf(StartsWith("mnist: "), HasSubstr("choices.txt")));
  EXPECT_THAT(damaged.out, IsEmpty());
}

TEST(MnistAppTest, SaysWhatIsWrong) {
  const Place place = PlaceWithDigits("mnist_errors");
  struct Wrong {
    std::vector<std::string> args;
    int code;
    std::string message;
  };
  WriteAll(place.here() / "text.pgm", "a seven");
  WriteAll(place.here() / "short.pgm", "P5 28 28 255 ");
  WriteAll(place.here() / "blank.pgm", "P2 2 2 255 9 9 9 9");
  WriteAll(place.here() / "no.model", "no model");
  std::filesystem::create_directories(place.here() / "few");
  WriteDigits(place.here() / "few", "train", 1, 1);
  WriteDigits(place.here() / "few", "t10k", 1, 1);
  for (const Wrong& wrong : std::vector<Wrong>{
           {{"--epochs=0"}, 2, "mnist: --epochs: wants a whole number from 1 to 1000000, not '0'"},
           {{"--epochs=x"}, 2, "wants a whole number from 1 to 1000000, not 'x'; see --help"},
           {{"--network=lstm"}, 2, "mnist: --network: wants dense or conv, not 'lstm'; see --help"},
           {{"--colour=red"}, 2, "mnist: unknown argument '--colour=red'; see --help"},
           {{"--data"}, 2, "--data has no value; see --help"},
           {{"predict"}, 2, "mnist: predict wants numbers of test images or --image=PATH"},
           {{}, 1, "mnist: no MNIST data: none in "},
           {{"--data=nowhere"}, 1, "mnist: no MNIST data at 'nowhere': looked for mnist.npz"},
           {{"--data=few"}, 1, ": 1 training images are too few; at least 2 are needed"},
           {{"--data=digits", "--validation=500"},
            1,
            "mnist: --validation=500 leaves no image to train on: "},
           {{"predict", "0", "--data=digits"},
            1,
            "; name a model by --model or make one by running mnist"},
           {{"evaluate", "--model=no.model"}, 1, "no.model"},
           {{"--data=digits", "--out=digits/train-images-idx3-ubyte/x"},
            1,
            "digits/train-images-idx3-ubyte"},
       }) {
    const RunResult run = Mnist(place, wrong.args);
    EXPECT_EQ(run.code, wrong.code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(wrong.message));
    // One line, after that of a download.
    EXPECT_LE(std::count(run.err.begin(), run.err.end(), '\n'), wrong.args.empty() ? 2 : 1)
        << run.err;
  }
  ASSERT_EQ(Mnist(place, {"--data=digits", "--epochs=1"}).code, 0);
  for (const Wrong& wrong : std::vector<Wrong>{
           {{"predict", "--image=text.pgm"}, 1, "'text.pgm' is no digit: it is not a PGM picture"},
           {{"predict", "--image=short.pgm"}, 1, "'short.pgm' is no digit: it ends too early"},
           {{"predict", "--image=blank.pgm"}, 1, "'blank.pgm' is no digit: it is all of one shade"},
           {{"predict", "--image=none.pgm"}, 1, "none.pgm"},
           {{"predict", "60", "--data=digits"}, 1, "mnist: there is no test image 60: "},
       }) {
    const RunResult run = Mnist(place, wrong.args);
    EXPECT_EQ(run.code, wrong.code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(wrong.message));
  }
  const RunResult help = Mnist(place, {"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--validation"), HasSubstr("Exit code: 0, 1 after an")));
}

TEST(MnistMistakesTest, TheSurestComeFirst) {
  mnist::Digits digits{Tensor::Zeros({DType::kU8, Shape{4, 28, 28}}),
                       Tensor::Of<uint8_t>({4}, {3, 7, 7, 9})};
  Tensor p = Tensor::Zeros({DType::kF32, Shape{4, 10}});
  const auto set = [&](int image, int digit, float value) {
    p.mutable_data<float>()[image * 10 + digit] = value;
  };
  set(0, 3, 0.9f), set(1, 2, 0.6f), set(1, 7, 0.4f), set(2, 1, 0.8f), set(3, 4, 0.6f);
  const mnist::Judgement judgement = mnist::Judge(digits, p);
  EXPECT_EQ(judgement.accuracy(), 0.25);
  std::vector<int64_t> order;
  for (const mnist::Mistake& m : judgement.mistakes) order.push_back(m.index);
  EXPECT_THAT(order, ElementsAre(2, 1, 3));
  EXPECT_EQ(judgement.confusion[7][2], 1);
  EXPECT_THAT(
      mnist::ConfusionText(judgement),
      HasSubstr("\n    7                 .     1     1     .     .     .     .     .     .   "
                "  .    0.0 %\n"));
  const std::string svg = mnist::MistakesSvg(digits, judgement, 2);
  EXPECT_THAT(svg, AllOf(HasSubstr("3 mistakes on 4 test images: the 2 surest"),
                         HasSubstr("test image 2: a 7 taken for a 1 (80.00 %)"),
                         HasSubstr("test image 1: a 7 taken for a 2 (60.00 %)"),
                         Not(HasSubstr("test image 3"))));
}

}  // namespace
}  // namespace adjoint::apps
