package numbering

import "testing"

func TestGBParse(t *testing.T) {
	checkPBX(t, mustPlan(t, "UK", ""), []pbxRow{
		{"+442079460000", london, "Vodia's global presentation"},
		{"442079460000", london, "E.164 without plus"},
		{"02079460000", london, "national with trunk 0"},
		{"2079460000", london, "national without trunk 0"},
		{"020 7946 0000", london, "as displayed"},
		{"(020) 7946 0000", london, "brackets"},
		{"+44 (0)20 7946 0000", london, "trunk 0 in brackets"},
		{"+4402079460000", london, "trunk 0 left behind the country code"},
		{"00442079460000", london, "international by 00, one's own country"},
		{"sip:02079460000@firm.example.com", london, "SIP URI"},
		{"tel:+44-20-7946-0000", london, "tel URI"},
		{"07911123456", "+447911123456", "mobile"},
		{"447911123456", "+447911123456", "mobile without plus"},
		{"01144960000", "+441144960000", "Sheffield: 011 is no dialling prefix here"},
		{"0169773555", "+44169773555", "a 9-digit number"},
		{"08457484950", "+448457484950", "0845"},
		{"+448457484950", "+448457484950", "0845 in E.164"},
		{"08001111", "+448001111", "Childline: 7 digits behind the 0"},
		{"101", "101", "police"},
		{"999", "999", "emergency"},
		{"111", "111", "health advice"},
		{"118118", "118118", "directory"},
		{"116123", "116123", "helpline"},
		{"0016173998147", boston, "international by 00"},
		{"16173998147", boston, "foreign without plus"},
		{"0061293744000", sydney, "international by 00"},
		{"61293744000", sydney, "foreign without plus"},
		{"201", "201", "an extension"},
	})
}

func TestGBStored(t *testing.T) {
	checkStored(t, mustPlan(t, "GB", ""), []storedRow{
		{"", "020 7946 0000", one(london), "as displayed"},
		{"", "02079460000", one(london), "digits"},
		{"", "+44 20 7946 0000", one(london), "E.164"},
		{"", "+44 (0) 20 7946 0000", one(london), "trunk 0 in brackets"},
		{"", "44 20 7946 0000", one(london), "country code without plus"},
		{"", "0044 20 7946 0000", one(london), "00"},
		{"", "0207 946 0000", one(london), "grouped as Londoners do"},
		{"", "020-7946-0000", one(london), "dashes"},
		{"", "020/79460000", one(london), "a slash"},
		{"020", "7946 0000", one(london), "area code in its box"},
		{"20", "7946 0000", one(london), "without trunk 0"},
		{"0207", "946 0000", one(london), "area code as Londoners write it"},
		{"020", "020 7946 0000", one(london), "area code doubled"},
		{"0044", "20 7946 0000", one(london), "country code in the box"},
		{"", "020 7946 0000 ext. 12", one(london), "extension"},
		{"", "020 7946 0000 (switchboard)", one(london), "trailing word"},
		{"", "020 7946 0000 / 07911 123456", one(london, "+447911123456"), "two numbers"},
		{"", "T: 020 7946 0000 M: 07911 123456", one(london, "+447911123456"), "two numbers with letters"},
		{"", "07911123456", one("+447911123456"), "mobile"},
		{"01697", "73555", one("+44169773555"), "a five-figure local number"},
		{"", "0845 748 4950", one("+448457484950"), "0845"},
		{"", "0800 1111", one("+448001111"), "Childline"},
		{"", "101", one("101"), "police"},
		{"", "101 Main Street", nil, "a house number is no number"},
		{"", "Room 101", nil, "a room is no number"},
		{"", "7946 0000", nil, "a local number without area code matches nothing"},
		{"", "+1 617 399 8147", one(boston), "foreign"},
	})
}
