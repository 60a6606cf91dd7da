import Postgres
import Testing
import Webhooks

@Test("Migrations of the room have numbers of their own")
func numbersOfTheirOwn() {
    let numbers = WebhooksMigrations.all.map(\.number)
    #expect(Set(numbers).count == numbers.count)
}
