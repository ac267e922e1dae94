package dev.microvm.limits;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class BudgetTest {

    private final Budget budget = new Budget("bytes", 100);

    @Test
    void aloneTakesTheWholeBudgetAndNoMore() {
        Budget.Share alone = budget.open("alone", BudgetTest::nobody);

        assertThat(alone.tryTake(100)).isTrue();
        assertThat(alone.tryTake(1)).isFalse();
        assertThat(budget.used()).isEqualTo(100);
        assertThat(alone.used()).isEqualTo(100);
    }

    @Test
    void aShareBelowItsFairPartTakesThoughTheBudgetIsUsedUpAndPressesTheGreedyOne() {
        AtomicInteger pressed = new AtomicInteger();
        Budget.Share greedy = budget.open("greedy", pressed::incrementAndGet);
        assertThat(greedy.tryTake(100)).isTrue();
        Budget.Share friend = budget.open("friend", BudgetTest::nobody);

        assertThat(friend.tryTake(50)).isTrue();
        assertThat(pressed).hasValue(1);
        assertThat(greedy.excess()).isEqualTo(50);
        assertThat(friend.tryTake(1)).as("above its fair part").isFalse();
    }

    @Test
    void aShareAboveItsFairPartPressesNobodyNotEvenItself() {
        AtomicInteger pressed = new AtomicInteger();
        Budget.Share greedy = budget.open("greedy", pressed::incrementAndGet);
        Budget.Share other = budget.open("as greedy", pressed::incrementAndGet);
        budget.open("idle", BudgetTest::nobody);
        assertThat(greedy.tryTake(50)).isTrue();
        assertThat(other.tryTake(50)).isTrue();

        assertThat(greedy.tryTake(1)).isFalse();

        assertThat(pressed).hasValue(0);
    }

    @Test
    void theGreedyShareTakesNothingUntilItHasGivenBack() {
        Budget.Share greedy = budget.open("greedy", BudgetTest::nobody);
        assertThat(greedy.tryTake(100)).isTrue();
        Budget.Share friend = budget.open("friend", BudgetTest::nobody);
        assertThat(friend.tryTake(40)).isTrue();

        assertThat(greedy.tryTake(1)).isFalse();
        greedy.give(41);

        assertThat(greedy.excess()).isZero();
        assertThat(greedy.tryTake(1)).isTrue();
    }

    @Test
    void aClosedShareGivesBackAllItHeld() {
        Budget.Share share = budget.open("one", BudgetTest::nobody);
        assertThat(share.tryTake(70)).isTrue();

        share.close();
        share.close();

        assertThat(budget.used()).isZero();
        assertThat(budget.fairPart()).isEqualTo(100);
    }

    @Test
    void anOwnerHasOneFairPart_howeverManySharesItOpens() {
        Budget.Owner greedy = budget.owner("greedy");
        for (int i = 0; i < 9; i++) {
            assertThat(greedy.open(BudgetTest::nobody).tryTake(10)).isTrue();
        }
        Budget.Share friend = budget.open("friend", BudgetTest::nobody);

        assertThat(friend.tryTake(50)).isTrue();
        assertThat(friend.tryTake(1)).as("above its fair part").isFalse();
        assertThat(greedy.open(BudgetTest::nobody).tryTake(1)).isFalse();
    }

    @Test
    void aRefusedSharePressesSiblingsThatHoldMoreThanTheirSlice() {
        AtomicInteger pressed = new AtomicInteger();
        Budget.Owner owner = budget.owner("one of two CPUs works");
        Budget.Share first = owner.open(pressed::incrementAndGet);
        Budget.Share second = owner.open(BudgetTest::nobody);
        assertThat(first.tryTake(100)).isTrue();

        assertThat(second.tryTake(1)).isFalse();
        assertThat(pressed).hasValue(1);
        assertThat(first.excess()).isEqualTo(50);
        assertThat(second.excess()).isZero();
        first.give(100);

        assertThat(second.tryTake(60)).as("its owner has room").isTrue();
        assertThat(second.excess()).isZero();
    }

    @Test
    void refusesALimitOfNothing() {
        assertThatThrownBy(() -> new Budget("bytes", 0)).hasMessageContaining("budget of bytes is 0");
    }

    @Test
    void readsAmountsWithSuffixes() {
        assertThat(BudgetProperty.parse("4096")).isEqualTo(4096);
        assertThat(BudgetProperty.parse(" 64M ")).isEqualTo(64L << 20);
        assertThat(BudgetProperty.parse("2g")).isEqualTo(2L << 30);
        for (String wrong : new String[] {"", "m", "0", "-1k", "1t", "9999999999999g"}) {
            assertThatThrownBy(() -> BudgetProperty.parse(wrong)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void usesTheDefaultForAPropertyThatIsNoAmount() {
        System.setProperty("microvm.budget.test", "much");
        try {
            assertThat(BudgetProperty.read("microvm.budget.test", 7)).isEqualTo(7);
        } finally {
            System.clearProperty("microvm.budget.test");
        }
    }

    @Test
    void readsTheSoftLimitOfDescriptors() {
        assertThat(DescriptorLimit.parse("Max open files            1024                 524288               files"))
                .isEqualTo(1024);
        assertThat(DescriptorLimit.parse("Max open files            unlimited            unlimited            files"))
                .isEqualTo(Long.MAX_VALUE);
    }

    private static void nobody() {}

    @Test
    void refusesWhatIsNotFree_alsoToAShareBelowItsFairPart() {
        Budget budget = new Budget("bytes", 100);
        try (Budget.Share greedy = budget.open("greedy", () -> {});
                Budget.Share modest = budget.open("modest", () -> {})) {
            assertThat(greedy.tryTakeFree(90)).isTrue();

            assertThat(modest.tryTakeFree(11)).isFalse();
            assertThat(budget.used()).isEqualTo(90);
            assertThat(modest.tryTakeFree(10)).isTrue();
            assertThat(modest.used()).isEqualTo(10);
        }
        assertThat(budget.used()).isZero();
    }
}
