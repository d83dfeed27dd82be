// The command `martlet`.
@main struct Entry { static func main() async { print("martlet") } }
