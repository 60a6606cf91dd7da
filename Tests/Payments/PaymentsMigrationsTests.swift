import Postgres
import Testing
import Payments

@Test("Migrations of the room have numbers of their own")
func numbersOfTheirOwn() {
    let numbers = PaymentsMigrations.all.map(\.number)
    #expect(Set(numbers).count == numbers.count)
}
