/// The words that a demonstration portfolio's names are put together from.
///
/// Khmer names are romanised as people write them on invoices, family name first. None of the companies exist.
package enum DemoWords {
    /// First parts of company names: places, families, lucky words.
    package static let companyHeads = [
        "Angkor", "Mekong", "Tonle Sap", "Bassac", "Sokha", "Chaktomuk", "Wat Phnom", "Preah Vihear", "Bayon", "Kulen",
        "Romduol", "Apsara", "Naga", "Borey Reaksmey", "Boeung Keng Kang", "Toul Kork", "Chbar Ampov", "Russey Keo",
        "Sen Sok", "Koh Pich", "Kampot", "Kep", "Takhmao", "Kirirom", "Bokor", "Sambor", "Golden Lotus",
        "Silver Pagoda",
        "Riverside", "Lucky Star", "Blue Kite", "Green Paddy", "Red Lantern", "White Elephant", "Central Market",
        "Monivong", "Norodom", "Sihanouk", "Sisowath", "Mao Tse Toung", "Veng Sreng", "Sopheak", "Rithy", "Chanthou",
    ]

    /// Middle parts: what the company does.
    package static let companyTrades = [
        "Residence", "Condominium", "Serviced Apartments", "Property Management", "Tower", "Plaza", "Business Centre",
        "Coworking", "Villas", "Boutique Hotel", "Guesthouse", "Dental Clinic", "Pharmacy", "Rice Mill",
        "Coffee Roasters",
        "Logistics", "Garment Supply", "Microfinance", "Motorbike Trading", "English School", "Cold Storage", "Bakery",
        "Construction", "Real Estate", "Travel and Tours", "Printing House", "Fitness Club", "Seafood Export",
    ]

    /// Last parts: legal forms.
    package static let companyForms = [
        "Co., Ltd.", "Ltd.", "Group", "Enterprise", "Holdings", "Co., Ltd.", "Cambodia", "Co., Ltd.",
    ]

    /// Family names.
    package static let familyNames = [
        "Sok", "Chea", "Kim", "Ly", "Heng", "Chan", "Keo", "Mao", "Nguon", "Ouk", "Pich", "Prak", "Ros", "Sam", "Seng",
        "Sim", "Tan", "Tep", "Ung", "Yim", "Vong", "Khieu", "Lim", "Meas", "Nhem", "Phan", "Sar", "Thach", "Uch", "Yos",
    ]

    /// Given names.
    package static let givenNames = [
        "Bopha", "Borey", "Chanda", "Chenda", "Dara", "Davuth", "Kosal", "Kunthea", "Leakhena", "Malis", "Makara",
        "Nary",
        "Nimol", "Phalla", "Pisey", "Ratanak", "Reaksmey", "Rithy", "Samnang", "Sophal", "Sopheap", "Sothea", "Sreymom",
        "Sreypov", "Thida", "Vannak", "Veasna", "Vichea", "Visal", "Vuthy",
    ]

    /// Why somebody paused, in the words of an operator.
    package static let pauseReasons = [
        "renovation of the building", "owner is abroad", "season is over until Khmer New Year",
    ]

    /// Why somebody's billing is held back, in the words of an operator.
    package static let holdReasons = [
        "the number of units is in dispute", "waiting for the signed contract", "tax registration is being changed",
    ]
}
